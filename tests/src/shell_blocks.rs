//! Shell blocks of the documents.

/// Returns the blocks of a page that carry the marker `<!-- test: run -->`, in order. `cargo xtask check` requires
/// a marker at each shell block.
///
/// # Panics
/// If a marker has no block, or if no block has it.
pub fn blocks_to_run(page: &str) -> Vec<&str> {
    let marked = page.split("<!-- test: run -->\n").skip(1);
    let blocks: Vec<_> = marked
        .map(|rest| {
            let block = rest.strip_prefix("```sh\n").expect("a shell block");
            block.split_once("```").expect("the end of the block").0
        })
        .collect();
    assert!(!blocks.is_empty(), "no block is marked");
    blocks
}

#[cfg(test)]
mod tests {
    use super::blocks_to_run;

    #[test]
    fn only_marked_blocks_are_run() {
        let page = "```sh\na\n```\n<!-- test: run -->\n```sh\nb\nc\n```\n\
            <!-- test: syntax -->\n```sh\nd\n```\n";
        assert_eq!(blocks_to_run(page), ["b\nc\n"]);
    }
}
