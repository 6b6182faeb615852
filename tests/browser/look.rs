//! The look of a page: small and large, light and dark, and for people who cannot see it or have no
//! mouse. Rules that a program can check are left to axe-core, which is not ours.
//!
//! With a folder in `SCREENSHOTS`, it leaves pictures there for a person to look at.

use std::path::PathBuf;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::page::Page;

/// A script that returns what axe finds, with the elements, and further faults that can be
/// measured. Empty if all is well.
const FAULTS: &str = r##"(async () => {
    const faults = [];
    const results = await axe.run(document, { resultTypes: ["violations"] });
    for (const { id, nodes } of results.violations) {
        faults.push(...nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
    }

    const wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wider > 0) faults.push(`the page is ${wider} px wider than the window`);

    for (const section of document.querySelectorAll("section")) {
        const out = section.scrollWidth - section.clientWidth;
        if (out > 0) faults.push(`something sticks out by ${out} px: ${section.innerText}`);
    }

    const shown = (selector) => [...document.querySelectorAll(selector)].filter((it) =>
        it.checkVisibility({ visibilityProperty: true }) && it.getBoundingClientRect().width > 0);
    const name = (element) => element.outerHTML.slice(0, 80);

    // WCAG 2.2, success criterion 2.5.5, without its exceptions: for a finger.
    if (innerWidth <= 480) {
        for (const target of shown("button, input, select, textarea, summary, a")) {
            const { height } = target.getBoundingClientRect();
            if (height < 44) faults.push(`${height} px are too low for a finger: ${name(target)}`);
        }
    }

    // Success criterion 1.4.11; the formulas are WCAG's.
    const parts = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
        const [r, g, b] = parts(color).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let it = element.parentElement; it; it = it.parentElement) {
            const color = getComputedStyle(it).backgroundColor;
            if (parts(color)[3] !== 0) return color;
        }
    };
    for (const element of shown("button, input, select, textarea, canvas, section, pre")) {
        const pair = [getComputedStyle(element).borderTopColor, behind(element)].map(luminance);
        const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (contrast < 3) faults.push(`a border with a contrast of ${contrast}: ${name(element)}`);
    }
    return faults;
})()"##;

impl Page {
    /// Looks at the page as it is, on a phone, a tablet and a large screen, light and dark.
    #[track_caller]
    pub fn look(&mut self, name: &str) {
        let axe = axe();
        let axe = fs::read_to_string(&axe).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: npm install --no-save --prefix target/axe axe-core, or say in AXE \
                 where axe.min.js is",
                axe.display()
            )
        });
        self.eval(&format!("{axe}; 0"));
        // They take no room on a phone, and pictures of more than the window leave them out.
        self.call("Emulation.setScrollbarsHidden", json!({"hidden": true}));
        for scheme in ["light", "dark"] {
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            self.call("Emulation.setEmulatedMedia", json!({"features": features}));
            for width in [320, 768, 1440] {
                self.resize(width, 900);
                let faults = self.eval(FAULTS);
                assert_eq!(faults, json!([]), "{name}, {scheme}, {width} px: {faults:#}");
                self.picture(&format!("{name}-{scheme}-{width}"));
            }
        }
        self.call("Emulation.setScrollbarsHidden", json!({"hidden": false}));
        self.call("Emulation.clearDeviceMetricsOverride", json!({}));
        self.call("Emulation.setEmulatedMedia", json!({"features": []}));
    }

    fn picture(&mut self, name: &str) {
        let Some(folder) = env::var_os("SCREENSHOTS") else { return };
        let shot = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        fs::write(PathBuf::from(folder).join(format!("{name}.png")), png).unwrap();
    }
}

/// Returns the path of axe-core, which is beside the build output.
fn axe() -> PathBuf {
    if let Some(path) = env::var_os("AXE") {
        return path.into();
    }
    // target/<profile>/deps/browser-<hash>
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("axe/node_modules/axe-core/axe.min.js")
}
