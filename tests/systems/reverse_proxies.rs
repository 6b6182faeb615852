//! `docs/reverse-proxies.md` shows the configurations that `interop/reverse-proxies/run.sh` tests.

use std::fs;
use std::path::Path;

#[test]
fn the_documented_configurations_are_those_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/reverse-proxies.md")).unwrap();
    for (language, file) in
        [("nginx", "nginx.conf"), ("haproxy", "haproxy.cfg"), ("caddyfile", "Caddyfile")]
    {
        let path = root.join("interop/reverse-proxies").join(file);
        let text = fs::read_to_string(path).unwrap();
        // Without the comment before it, which says what the file is.
        let comment = text.lines().take_while(|line| line.starts_with('#'));
        let comment_len: usize = comment.map(|line| line.len() + 1).sum();
        let block = format!("```{language}\n{}```\n", &text[comment_len..]);
        assert!(page.contains(&block), "docs/reverse-proxies.md does not show {file} as it is");
    }
}
