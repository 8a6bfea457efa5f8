//! Names that settings are read from, and URLs in both directions.

use super::Settings;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Settings::from_pairs(pairs).unwrap()
}

#[test]
fn splits_a_database_url() {
    let url = "postgresql://ro%40ster:p%2Fw@db.example.com/people?sslmode=verify-full";
    let settings = Settings::from_database_url(url).unwrap();
    for (name, value) in [
        ("db_host", "db.example.com"),
        ("db_port", "5432"),
        ("db_user", "ro@ster"),
        ("db_password", "p/w"),
        ("db_name", "people"),
        ("db_sslmode", "require"),
    ] {
        assert_eq!(settings.get(name), Some(value), "{name}");
    }
    let again = "postgres://ro%40ster:p%2Fw@db.example.com:5432/people?sslmode=verify-full";
    assert_eq!(settings.database_url().unwrap().as_deref(), Some(again));
}

#[test]
fn a_local_database_has_no_tls() {
    for host in ["localhost", "127.0.0.1"] {
        let settings = Settings::from_database_url(&format!("postgres://u:p@{host}/d")).unwrap();
        assert_eq!(settings.get("db_sslmode"), Some("disable"), "{host}");
    }
    let settings = Settings::from_database_url("postgres://u:p@db.example.com/d").unwrap();
    assert_eq!(settings.get("db_sslmode"), None);
}

#[test]
fn splits_a_redis_url() {
    let settings = Settings::from_redis_url("rediss://app:s%20m@cache.example.com:6380/0").unwrap();
    for (name, value) in [
        ("redis_host", "cache.example.com"),
        ("redis_port", "6380"),
        ("redis_user", "app"),
        ("redis_password", "s m"),
        ("redis_tls", "true"),
    ] {
        assert_eq!(settings.get(name), Some(value), "{name}");
    }
    let again = "rediss://app:s%20m@cache.example.com:6380";
    assert_eq!(settings.redis_url().unwrap().as_deref(), Some(again));
    for wrong in ["redis://host/1", "http://host", "redis:///"] {
        assert!(Settings::from_redis_url(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn variables_take_precedence_over_urls() {
    let both = settings(&[
        ("SPIN_VARIABLE_DB_HOST", "one"),
        ("DATABASE_URL", "postgres://two/db"),
        ("SPIN_VARIABLE_REDIS_HOST", ""),
        ("REDIS_URL", "redis://three"),
        ("PATH", "/bin"),
    ]);
    assert_eq!(both.get("db_host"), Some("one"));
    assert_eq!(both.get("redis_host"), Some("three"));
    assert_eq!(both.get("path"), None);
}

#[test]
fn the_first_admin_settings_have_short_names() {
    let both = settings(&[
        ("BOOTSTRAP_ADMIN_EMAIL", "one@example.com"),
        ("BOOTSTRAP_ADMIN_PASSWORD", "of one"),
        ("SPIN_VARIABLE_BOOTSTRAP_ADMIN_EMAIL", "two@example.com"),
    ]);
    assert_eq!(both.get("bootstrap_admin_email"), Some("two@example.com"));
    assert_eq!(both.get("bootstrap_admin_password"), Some("of one"));
}

#[test]
fn reads_an_env_file() {
    let path = std::env::temp_dir().join(format!("roster-{}.env", std::process::id()));
    std::fs::write(
        &path,
        "# comment\nSPIN_VARIABLE_CURSOR_KEY='a b'\nOTHER=1\n",
    )
    .unwrap();
    let settings = Settings::load(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(settings.unwrap().get("cursor_key"), Some("a b"));
}

#[test]
fn the_example_names_every_variable_of_the_manifest() {
    let read =
        |file: &str| std::fs::read_to_string(crate::tools::workspace::root().join(file)).unwrap();
    let (manifest, example) = (read("spin.toml"), read(".env.example"));
    let declared = manifest
        .lines()
        .skip_while(|line| *line != "[variables]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase()));
    let declared: std::collections::BTreeSet<String> = declared.collect();
    let named = example.lines().filter(|line| line.starts_with("SPIN_"));
    let named = named.filter_map(|line| line.split_once('='));
    let named = named.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(declared, named);
}
