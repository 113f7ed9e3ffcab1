//! Whole files: each `cases/NAME.yaml` gives the config `cases/NAME.toml` and the report
//! `cases/NAME.report`. After a change, `HOOKCAST_BLESS=1 cargo test -p hookcast import::`
//! writes them anew; look at the difference.

use std::fs;

use super::gramex::Imported;
use super::{report, yaml};
use crate::config::Config;
use crate::golden::{compare, repository};

#[test]
fn files_become_configs_and_reports() {
    let folder = repository("host/src/cli/import/cases");
    let mut cases = 0;
    for entry in fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        cases += 1;
        let text = fs::read_to_string(&path).expect("a case");
        let root = yaml::parse(&text).unwrap_or_else(|problem| panic!("{path:?}: {problem}"));
        let imported = Imported::read(&root);
        let config = report::config(&imported, "gramex.yaml");
        compare(&path.with_extension("toml"), &config);
        compare(
            &path.with_extension("report"),
            &report::report(&imported, "gramex.yaml"),
        );
        check(&config);
    }
    assert!(cases >= 3, "only {cases} cases were found");
}

/// The server takes a generated config as it is, but for what only its reader knows: who
/// says who a user is.
fn check(config: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("hookcast.toml");
    // What stands in the environment of those who use it.
    let config = config.replace("${MAIL_OFFICE_PASSWORD}", "secret");
    fs::write(&file, &config).expect("a written file");
    let errors = Config::load(&file).err().map(|errors| errors.errors);
    for error in errors.into_iter().flatten() {
        let says = error.what.contains("nothing says who a user is");
        assert!(says, "{error:?} in\n{config}");
    }
}
