//! Text that `cargo xtask up` prints when the app is ready: its address, and how to log in.

use roster_admin::Admin;

/// Returns the text. A generated password appears in it once.
pub fn text(url: &str, admin: &Admin) -> String {
    let api = format!("{url}/api/v1");
    let email = quoted(&admin.email);
    let password = match &admin.password {
        Some(password) => format!(
            "Created the first admin. Store the password; it is not shown again:\n  \
             PASSWORD='{password}'"
        ),
        None => "Set the password of an admin (`cargo xtask admin users reset-password` replaces a lost one):\n  \
             PASSWORD='<password>'"
            .to_owned(),
    };
    let json = "-H 'Content-Type: application/json'";
    let bearer = "-H \"Authorization: Bearer $TOKEN\"";
    format!(
        "\nRoster serves at {url}\n  users   {api}/users\n  login   {api}/auth/login\n  \
         health  {api}/health\n  docs    {url}/api/docs\n\n{password}\nLog in:\n  \
         TOKEN=$(curl -s {api}/auth/login {json} \
         -d '{{\"email\":\"{email}\",\"password\":\"'\"$PASSWORD\"'\"}}' \
         | sed -n 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/p')\n\
         Then:\n  curl -i {api}/users/me {bearer}\n  \
         curl -i {api}/users {bearer} {json} \
         -d '{{\"email\":\"ada@example.com\",\"full_name\":\"Ada Lovelace\"}}'\n\n\
         Press Ctrl-C to stop. `cargo xtask up --watch` rebuilds and reloads changed components."
    )
}

/// Quotes a text for a shell, in single quotes.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

#[cfg(test)]
mod tests {
    use super::{Admin, text};

    #[test]
    fn the_readme_shows_the_first_part() {
        let readme = include_str!("../../../README.md");
        let (_, rest) = readme.split_once("```text\n").unwrap();
        let (block, _) = rest.split_once("```").unwrap();
        let admin = Admin {
            email: "admin@example.com".into(),
            password: Some("...".into()),
        };
        let shown = text("http://127.0.0.1:3000", &admin);
        let (first, _) = shown.split_once("Log in:").unwrap();
        assert_eq!(block, first.trim_start());
    }

    #[test]
    fn a_generated_password_is_shown_once() {
        let mut admin = Admin {
            email: "o'hara@example.com".into(),
            password: Some("a-generated-one".into()),
        };
        let shown = text("http://127.0.0.1:3000", &admin);
        assert_eq!(shown.matches("a-generated-one").count(), 1, "{shown}");
        assert!(
            shown.contains(r#""email":"o'\''hara@example.com""#),
            "{shown}"
        );
        assert_eq!(shown.matches("Bearer $TOKEN").count(), 2, "{shown}");
        admin.password = None;
        let shown = text("http://127.0.0.1:3000", &admin);
        assert!(shown.contains("PASSWORD='<password>'"), "{shown}");
    }
}
