//! Generates the client from `openapi/v1.json`: `client.rs` with its types, and `codes.rs` with the
//! codes of problems.

mod down_convert;
mod problem_codes;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;

fn main() -> Result<()> {
    let path = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../openapi/v1.json");
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rerun-if-changed=build");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let document: Value = serde_json::from_str(&text)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("codes.rs"), problem_codes::constants(&document))?;
    fs::write(out.join("client.rs"), client(document)?)?;
    Ok(())
}

fn client(document: Value) -> Result<String> {
    let document = down_convert::down_convert(document);
    let document: OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_derive("PartialEq");
    let tokens = Generator::new(&settings).generate_tokens(&document)?;
    let mut file = syn::parse2(tokens)?;
    remove_new(&mut file);
    Ok(prettyplease::unparse(&file))
}

/// Removes the generated `Client::new`, which panics without TLS; `src/connect.rs` has another.
fn remove_new(file: &mut syn::File) {
    for item in &mut file.items {
        if let syn::Item::Impl(block) = item {
            block.items.retain(
                |item| !matches!(item, syn::ImplItem::Fn(function) if function.sig.ident == "new"),
            );
        }
    }
}
