//! The files that build.rs made, stored as gzip only: both forms would not fit in a component.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// What surrounds the compressed data (RFC 1952), in files without a name or a comment.
const HEADER: usize = 10;
const TRAILER: usize = 8;

/// One file.
pub struct File {
    pub name: &'static str,
    pub content_type: &'static str,
    /// Of the content.
    pub hash: &'static str,
    /// Of the content, in bytes.
    pub length: usize,
    pub gzip: &'static [u8],
}

impl File {
    /// The content, for who does not take gzip; `None` when the build went wrong.
    pub fn inflate(&self) -> Option<Vec<u8>> {
        let end = self.gzip.len().checked_sub(TRAILER)?;
        let content =
            decompress_to_vec_with_limit(self.gzip.get(HEADER..end)?, self.length).ok()?;
        (content.len() == self.length).then_some(content)
    }
}

// SWAGGER_UI, REDOC, OPENAPI and ASSETS.
include!(concat!(env!("OUT_DIR"), "/files.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn every_file_inflates_to_what_gzip_says() {
        for file in ASSETS.iter().chain([&SWAGGER_UI, &REDOC, &OPENAPI]) {
            let mut content = Vec::new();
            let mut gzip = flate2::read::GzDecoder::new(file.gzip);
            gzip.read_to_end(&mut content).unwrap();
            assert_eq!(file.inflate().unwrap(), content, "{}", file.name);
        }
    }

    #[test]
    fn pages_name_what_is_there_and_no_other_host() {
        for page in [&SWAGGER_UI, &REDOC] {
            let html = String::from_utf8(page.inflate().unwrap()).unwrap();
            let links: Vec<_> = html.split("/api/docs/assets/").skip(1).collect();
            assert_eq!(
                html.matches("<link rel=\"stylesheet\"").count() + 2,
                links.len()
            );
            for link in links {
                let name = link.split('"').next();
                assert!(
                    ASSETS.iter().any(|asset| Some(asset.name) == name),
                    "{link}"
                );
            }
            assert!(!html.contains("//"), "{html}");
        }
        let redoc = ASSETS
            .iter()
            .find(|asset| asset.name.starts_with("redoc.standalone"));
        let redoc = String::from_utf8(redoc.unwrap().inflate().unwrap()).unwrap();
        assert!(!redoc.contains("cdn.redoc") && !redoc.contains("fonts.googleapis"));
    }
}
