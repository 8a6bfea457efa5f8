//! Documentation pages in a real browser, against the running app.

use blackbox::browser::{Browser, picture_folder};
use blackbox::new_user;
use serde_json::Value;

const SIZE: (u32, u32) = (1280, 1600);

fn variable(name: &str) -> String {
    devservices::provided_or_exit(name)
}

async fn open(path: &str) -> Browser {
    let browser = Browser::start(SIZE.0, SIZE.1).await;
    browser.open(&format!("{}{path}", app())).await;
    browser
}

fn app() -> String {
    variable("ROSTER_URL").trim_end_matches('/').to_owned()
}

async fn save(browser: &Browser, name: &str) {
    let file = picture_folder().join(name);
    browser.save_picture(&file).await.expect("a picture");
}

/// Checks for no errors, no violation of the page's policy, and no request to another host.
async fn check_quiet(browser: &Browser) {
    let console = browser.console().await;
    let severe: Vec<_> = console
        .iter()
        .filter(|(level, _)| level == "SEVERE")
        .collect();
    assert!(severe.is_empty(), "{severe:#?}");
    let own = format!("{}/", app());
    let requested = browser.requested().await;
    assert!(
        requested
            .iter()
            .any(|url| url.ends_with("/api/openapi.json"))
    );
    for url in requested {
        // The browser's own first page is a chrome: URL.
        let local = ["blob:", "chrome:", "data:"];
        let local = local.iter().any(|scheme| url.starts_with(scheme));
        assert!(local || url.starts_with(&own), "{url}");
    }
}

/// Selector of an operation's block in Swagger UI.
fn operation(method: &str, path: &str) -> String {
    format!("//div[contains(@class, 'opblock-{method}')][.//span[@data-path='{path}']]")
}

/// Opens Authorize, signs in with the password form, and closes the dialog.
async fn authorize(browser: &Browser, email: &str, password: &str) {
    let form = "//div[@class='auth-container'][.//input[@id='oauth_username']]";
    browser.click(".auth-wrapper .btn.authorize").await;
    browser.fill("#oauth_username", email).await;
    browser.fill("#oauth_password", password).await;
    browser
        .click(&format!("{form}//button[contains(@class, 'authorize')]"))
        .await;
    // The fields are replaced by Logout.
    let logout = "//div[@class='auth-container']//button[text()='Logout']";
    browser.see(logout).await;
    browser
        .click("//div[@class='auth-container']//button[contains(@class, 'btn-done')]")
        .await;
}

/// Executes an open operation and returns the status and the body of the live response.
async fn execute(browser: &Browser, block: &str) -> (String, Value) {
    browser
        .click(&format!("{block}//button[contains(@class, 'execute')]"))
        .await;
    let live =
        format!("{block}//table[contains(@class, 'live-responses-table')]//tr[@class='response']");
    let status = browser
        .text(&format!(
            "{live}/td[contains(@class, 'response-col_status')]"
        ))
        .await;
    let body = browser
        .text(&format!(
            "{live}//div[contains(@class, 'highlight-code')]//code"
        ))
        .await;
    let body = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    (status, body)
}

#[tokio::test]
async fn swagger_ui_signs_in_and_calls_the_api() {
    let browser = open("/api/docs").await;
    browser.see(".opblock").await;
    assert_eq!(browser.title().await, "Roster API");
    // The second page load comes from the browser's cache and must work as well.
    browser.reload().await;
    browser.see(".opblock").await;

    let (email, password) = (
        variable("ROSTER_ADMIN_EMAIL"),
        variable("ROSTER_ADMIN_PASSWORD"),
    );
    authorize(&browser, &email, &password).await;

    save(&browser, "swagger-ui.png").await;

    let list = operation("get", "/api/v1/users");
    browser
        .click(&format!("{list}//button[@class='opblock-summary-control']"))
        .await;
    let (status, body) = execute(&browser, &list).await;
    assert_eq!(status, "200", "{body}");
    assert!(body["items"].is_array(), "{body}");
    let button = format!("{list}//button[contains(@class, 'execute')]");
    browser.scroll_to(&button).await;
    save(&browser, "swagger-ui-answer.png").await;

    let user = new_user();
    let create = operation("post", "/api/v1/users");
    browser
        .click(&format!(
            "{create}//button[@class='opblock-summary-control']"
        ))
        .await;
    let field = format!("{create}//textarea[contains(@class, 'body-param__text')]");
    browser.fill(&field, &user.to_string()).await;
    let (status, body) = execute(&browser, &create).await;
    assert_eq!(status, "201", "{body}");
    assert_eq!(body["email"], user["email"]);
    check_quiet(&browser).await;
}

#[tokio::test]
async fn redoc_lists_and_searches_the_operations() {
    let browser = open("/api/redoc").await;
    browser
        .see("//*[contains(@data-section-id, '/operation/')]")
        .await;
    assert_eq!(browser.title().await, "Roster API");
    assert!(browser.count("[data-section-id*='/operation/']").await >= 3);
    save(&browser, "redoc.png").await;
    browser.reload().await;
    browser.fill("input[aria-label='Search']", "users").await;
    browser.see("[data-role='search:results'] li").await;
    check_quiet(&browser).await;
}
