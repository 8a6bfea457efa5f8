//! Writes the document to standard output.

fn main() -> anyhow::Result<()> {
    print!("{}", openapi::text()?);
    Ok(())
}
