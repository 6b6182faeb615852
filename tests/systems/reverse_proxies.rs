//! The pages show the configurations of proxies that are tested: `docs/reverse-proxies.md` those of
//! `interop/reverse-proxies/run.sh`, `docs/operating.md` that of `examples/bus`.

use std::fs;
use std::path::Path;

#[test]
fn the_documented_configurations_are_those_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (page, language, file) in [
        ("docs/reverse-proxies.md", "nginx", "interop/reverse-proxies/nginx.conf"),
        ("docs/reverse-proxies.md", "haproxy", "interop/reverse-proxies/haproxy.cfg"),
        ("docs/reverse-proxies.md", "caddyfile", "interop/reverse-proxies/Caddyfile"),
        ("docs/operating.md", "haproxy", "examples/bus/haproxy.cfg"),
    ] {
        let shown = fs::read_to_string(root.join(page)).unwrap();
        let text = fs::read_to_string(root.join(file)).unwrap();
        // Without the comment before it, which says what the file is.
        let comment = text.lines().take_while(|line| line.starts_with('#'));
        let comment_len: usize = comment.map(|line| line.len() + 1).sum();
        let block = format!("```{language}\n{}```\n", &text[comment_len..]);
        assert!(shown.contains(&block), "{page} does not show {file} as it is");
    }
}
