//! Generates the files that this component serves: extracts Swagger UI and ReDoc from the crates that contain
//! them, verifies and compresses them, and writes a table of them for `src/files.rs`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use flate2::{Compression, GzBuilder};
use futures::executor::block_on;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use swagger_ui_dist::{ApiDefinition, OpenApiSource};
use tower::ServiceExt;

/// The API's OpenAPI document, relative to this package.
const DOCUMENT: &str = "../../openapi/v1.json";
const PAGES: &str = "src/pages";

/// SHA-256 of the files in the crates, equal to those of `swagger-ui-dist` 5.34.1 and `redoc` 2.0.0 on npm.
/// Review a new version of either before its hashes are changed here.
const SWAGGER_UI_BUNDLE: &str = "36eeb4d5640b9c036b1d0f854499af1cceebbdb260b790a03a18be5e8488fbf5";
const SWAGGER_UI_STYLE: &str = "c3cfe8248c4b0b89673600fb829924eafbac6de4bc4b2b06f5f5243483074d0a";
const REDOC_BUNDLE: &str = "c7f107f5259486ec29f726db25e31a46a563b09f5209fd90c0371677e576d311";

/// The only resource that ReDoc's bundle loads from another host, and the empty picture that replaces it.
const REMOTE_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_LOGO: &str =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/%3E";

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

fn main() -> Result<()> {
    for path in ["build.rs", DOCUMENT, PAGES] {
        println!("cargo::rerun-if-changed={path}");
    }
    let assets = [
        ("swagger-ui-bundle.js", JS, swagger_ui_bundle()?),
        ("swagger-ui.css", CSS, swagger_ui_style()?),
        ("redoc.standalone.js", JS, redoc_bundle()?),
        ("swagger-ui-start.js", JS, page("swagger-ui-start.js")?),
        ("redoc-start.js", JS, page("redoc-start.js")?),
        ("page.css", CSS, page("page.css")?),
    ];
    let mut table = Table::new()?;
    let mut links = Vec::new();
    let mut rows = String::new();
    for (name, content_type, text) in &assets {
        let unique = with_hash(name, text)?;
        rows.push_str(&table.file(&unique, content_type, text)?);
        rows.push_str(", ");
        links.push((*name, unique));
    }
    table.constant("ASSETS", "&[File]", &format!("&[{rows}]"));
    for (constant, name) in [("SWAGGER_UI", "swagger-ui.html"), ("REDOC", "redoc.html")] {
        let file = table.file(name, HTML, &linked(&page(name)?, &links)?)?;
        table.constant(constant, "File", &file);
    }
    let document = fs::read_to_string(DOCUMENT).with_context(|| DOCUMENT)?;
    let file = table.file("openapi.json", "application/json", &document)?;
    table.constant("OPENAPI", "File", &file);
    table.write()
}

fn page(name: &str) -> Result<String> {
    let path = Path::new(PAGES).join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn swagger_ui_bundle() -> Result<String> {
    swagger_ui("swagger-ui-bundle.js", SWAGGER_UI_BUNDLE)
}

fn swagger_ui_style() -> Result<String> {
    let style = swagger_ui("swagger-ui.css", SWAGGER_UI_STYLE)?;
    without_map(&style, "\n/*# sourceMappingURL=swagger-ui.css.map*/")
}

/// Returns a file of swagger-ui-dist. The crate serves its files as responses of a router only, which is
/// called in process, so that neither its folder nor cargo has to be located.
fn swagger_ui(name: &str, hash: &str) -> Result<String> {
    let router = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: "/ui",
        api_definition: OpenApiSource::Uri("/"),
        title: None,
    });
    let request = Request::get(format!("/ui/{name}")).body(Body::empty())?;
    let response = block_on(router.oneshot(request))?;
    ensure!(
        response.status() == StatusCode::OK,
        "swagger-ui-dist does not contain {name}"
    );
    let body = block_on(response.into_body().collect())?.to_bytes();
    verified(name, String::from_utf8(body.to_vec())?, hash)
}

/// Extracts ReDoc's bundle from aide's page, changed so that it sends no request to another host.
fn redoc_bundle() -> Result<String> {
    let name = "redoc.standalone.js";
    let page = aide::redoc::Redoc::new("").html();
    let script = page.split_once("<script>").map(|(_, rest)| rest);
    let script = script.and_then(|rest| rest.rsplit_once("Redoc.init("));
    let (bundle, _) = script.context("the ReDoc page of aide has an unexpected structure")?;
    let bundle = verified(name, bundle.trim().to_owned(), REDOC_BUNDLE)?;
    ensure!(
        bundle.matches(REMOTE_LOGO).count() == 1,
        "{name} must contain {REMOTE_LOGO} exactly once"
    );
    let bundle = bundle.replace(REMOTE_LOGO, NO_LOGO);
    without_map(&bundle, "\n//# sourceMappingURL=redoc.standalone.js.map")
}

fn verified(name: &str, text: String, expected: &str) -> Result<String> {
    let found = sha256(text.as_bytes());
    ensure!(
        found == expected,
        "the SHA-256 of {name} is {found}, expected {expected}"
    );
    Ok(text)
}

/// Removes the last line, which names a file that is not served.
fn without_map(text: &str, line: &str) -> Result<String> {
    let rest = text.trim_end().strip_suffix(line);
    Ok(rest
        .with_context(|| format!("the file does not end with {line:?}"))?
        .to_owned())
}

/// Returns `name.1a2b3c4d.js`: changed content has another URL, so a response can be cached permanently.
fn with_hash(name: &str, text: &str) -> Result<String> {
    let (stem, extension) = name
        .rsplit_once('.')
        .context("the file name has no extension")?;
    let hash: String = sha256(text.as_bytes()).chars().take(8).collect();
    Ok(format!("{stem}.{hash}.{extension}"))
}

/// Replaces each `{{name}}` in `page` with the URL of that asset.
fn linked(page: &str, links: &[(&str, String)]) -> Result<String> {
    let linked = links.iter().fold(page.to_owned(), |page, (name, unique)| {
        page.replace(
            &format!("{{{{{name}}}}}"),
            &format!("/api/docs/assets/{unique}"),
        )
    });
    ensure!(
        !linked.contains("{{"),
        "the page refers to an unknown asset"
    );
    Ok(linked)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `files.rs`, and the compressed files beside it.
struct Table {
    folder: PathBuf,
    rust: String,
}

impl Table {
    fn new() -> Result<Self> {
        let folder = std::env::var_os("OUT_DIR").context("OUT_DIR is not set")?;
        Ok(Self {
            folder: folder.into(),
            rust: String::new(),
        })
    }

    /// Compresses a file reproducibly and returns its `File` expression.
    fn file(&self, name: &str, content_type: &str, text: &str) -> Result<String> {
        let file = fs::File::create(self.folder.join(format!("{name}.gz")))?;
        let mut gzip = GzBuilder::new().mtime(0).write(file, Compression::best());
        gzip.write_all(text.as_bytes())?;
        gzip.finish()?;
        let hash: String = sha256(text.as_bytes()).chars().take(32).collect();
        let length = text.len();
        Ok(format!(
            "File {{ name: {name:?}, content_type: {content_type:?}, hash: {hash:?}, \
             length: {length}, gzip: include_bytes!(\"{name}.gz\") }}"
        ))
    }

    fn constant(&mut self, name: &str, kind: &str, value: &str) {
        let line = format!("pub static {name}: {kind} = {value};\n");
        self.rust.push_str(&line);
    }

    fn write(self) -> Result<()> {
        Ok(fs::write(self.folder.join("files.rs"), self.rust)?)
    }
}
