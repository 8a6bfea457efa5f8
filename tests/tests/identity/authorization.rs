//! Access to every endpoint of the table, by every kind of caller.

use blackbox::client::{ME, id};
use blackbox::service_account::{SCOPES, ServiceAccount};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, new_user_with, unique};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use web::auth::endpoints::Endpoint;

/// Caller, and the subject if the path names a user.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    Anonymous,
    /// User about themselves.
    Oneself,
    /// User about another user, as all callers below.
    Another,
    Admin,
    /// Former admin with a token issued before the demotion.
    Demoted,
    Deactivated,
    Deleted,
    LoggedOut,
}

use Caller::{Admin, Anonymous, Another, Deactivated, Deleted, Demoted, LoggedOut, Oneself};

const CALLERS: [Caller; 8] = [
    Anonymous,
    Oneself,
    Another,
    Admin,
    Demoted,
    Deactivated,
    Deleted,
    LoggedOut,
];

/// Status, with the code of a problem.
type ExpectedResponse = (u16, &'static str);

const NO_TOKEN: ExpectedResponse = (401, "unauthenticated");
const FORBIDDEN: ExpectedResponse = (403, "forbidden");
const HIDDEN: ExpectedResponse = (404, "not_found");

/// Expected response for each of [`CALLERS`].
type Row = [ExpectedResponse; 8];

const fn anyone(status: u16, code: &'static str) -> Row {
    [(status, code); 8]
}

const fn signed_in(status: u16) -> Row {
    let ok = (status, "");
    [NO_TOKEN, ok, ok, ok, ok, NO_TOKEN, NO_TOKEN, NO_TOKEN]
}

const fn owner_or_admin(status: u16) -> Row {
    let ok = (status, "");
    [
        NO_TOKEN, ok, HIDDEN, ok, HIDDEN, NO_TOKEN, NO_TOKEN, NO_TOKEN,
    ]
}

const fn admin_only(status: u16) -> Row {
    let ok = (status, "");
    [
        NO_TOKEN, FORBIDDEN, FORBIDDEN, ok, FORBIDDEN, NO_TOKEN, NO_TOKEN, NO_TOKEN,
    ]
}

/// Expected responses, and the body of the request, with the credentials of `known`. No wildcard: an endpoint
/// without a row does not compile.
fn row(endpoint: Endpoint, known: &Person) -> (Row, Option<Value>) {
    let nothing = "A".repeat(43);
    let new_password = "copper 18 window lamb";
    match endpoint {
        Endpoint::ListUsers | Endpoint::ListAudit => (admin_only(200), None),
        Endpoint::ReadEvents => (admin_only(200), None),
        Endpoint::CreateUser => (admin_only(201), Some(new_user())),
        Endpoint::ImportUsers => (admin_only(200), Some(json!([new_user()]))),
        Endpoint::ExportUsers => (admin_only(200), None),
        Endpoint::CreateResetToken => (admin_only(201), None),
        Endpoint::DeleteUser | Endpoint::EndUserSessions => (admin_only(204), None),
        Endpoint::GetUser => (owner_or_admin(200), None),
        Endpoint::UpdateUser => (owner_or_admin(200), Some(json!({ "full_name": "N" }))),
        Endpoint::GetMe | Endpoint::ExportMe => (signed_in(200), None),
        Endpoint::ListSessions | Endpoint::Verify | Endpoint::ForwardAuth => (signed_in(200), None),
        Endpoint::UpdateMe => (signed_in(200), Some(json!({ "full_name": "N" }))),
        Endpoint::DeleteMe => (
            signed_in(204),
            Some(json!({ "current_password": PASSWORD })),
        ),
        Endpoint::ChangePassword => (
            signed_in(204),
            Some(json!({ "old_password": PASSWORD, "new_password": new_password })),
        ),
        Endpoint::Logout | Endpoint::LogoutAll => (signed_in(204), None),
        // An administrator ends a user's sessions all at once, through another endpoint.
        Endpoint::EndSession => {
            let ok = (204, "");
            let row = [
                NO_TOKEN, ok, HIDDEN, HIDDEN, HIDDEN, NO_TOKEN, NO_TOKEN, NO_TOKEN,
            ];
            (row, None)
        }
        Endpoint::Register => {
            let body = new_user_with("password", PASSWORD);
            (anyone(201, ""), Some(body))
        }
        Endpoint::Login => (
            anyone(200, ""),
            Some(json!({ "email": known.email, "password": PASSWORD })),
        ),
        Endpoint::TokenForm => (
            anyone(200, ""),
            Some(
                json!({ "grant_type": "password", "username": known.email, "password": PASSWORD }),
            ),
        ),
        // Sent with tokens that do not exist: they are checked for every caller.
        Endpoint::Refresh => (
            anyone(401, "invalid_refresh_token"),
            Some(json!({ "refresh_token": nothing })),
        ),
        Endpoint::ResetPassword => (
            anyone(422, "invalid"),
            Some(json!({ "token": nothing, "new_password": new_password })),
        ),
        Endpoint::ListServiceAccounts | Endpoint::GetServiceAccount => (admin_only(200), None),
        Endpoint::CreateServiceAccount => {
            let account = json!({ "name": unique(), "scopes": ["users:read"] });
            (admin_only(201), Some(account))
        }
        Endpoint::UpdateServiceAccount => (admin_only(200), Some(json!({ "is_active": true }))),
        Endpoint::DeleteServiceAccount | Endpoint::DeleteApiKey => (admin_only(204), None),
        Endpoint::CreateApiKey => (admin_only(201), None),
        Endpoint::Introspect => (admin_only(200), Some(json!({ "token": "x" }))),
        // The issuer of the suites is no URL.
        Endpoint::ServerMetadata => (anyone(404, "not_found"), None),
        Endpoint::Jwks | Endpoint::Metrics => (anyone(200, ""), None),
        Endpoint::Health | Endpoint::Live | Endpoint::Ready => (anyone(200, ""), None),
        Endpoint::Docs | Endpoint::Redoc | Endpoint::OpenApi => (anyone(200, ""), None),
        // No file has this name.
        Endpoint::DocsAsset => (anyone(404, "not_found"), None),
    }
}

/// Expected response to a service account with the endpoint's scope, or with all others.
fn service_account_row(endpoint: Endpoint, has_scope: bool, row: &Row) -> ExpectedResponse {
    let of = |caller| row[CALLERS.iter().position(|known| *known == caller).unwrap()];
    match endpoint.scope() {
        Some(_) if has_scope => of(Admin),
        Some(_) => (403, "insufficient_scope"),
        None if of(Anonymous) != NO_TOKEN => of(Anonymous),
        None => (403, "users_only"),
    }
}

/// Returns true if the path names a service account.
fn is_about_accounts(endpoint: Endpoint) -> bool {
    endpoint.path().starts_with("/api/v1/service-accounts/{id}")
}

/// Returns true if a success ends the caller's session or changes the password that the next call needs.
const fn invalidates_the_caller(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::DeleteMe | Endpoint::ChangePassword | Endpoint::Logout | Endpoint::LogoutAll
    )
}

/// Builds the request about the given user and session.
fn request(
    endpoint: Endpoint,
    client: &Client,
    user: &str,
    session: &str,
    body: Option<&Value>,
) -> RequestBuilder {
    let method = match endpoint.method() {
        "ANY" => Method::DELETE,
        method => Method::from_bytes(method.as_bytes()).unwrap(),
    };
    let named = match endpoint {
        Endpoint::EndSession => session,
        _ => user,
    };
    let path = endpoint.path().replace("{id}", named);
    let request = client.request(method, &path.replace("{key_id}", session));
    match (endpoint, body) {
        (_, None) => request,
        (Endpoint::TokenForm | Endpoint::Introspect, Some(fields)) => request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(fields)),
        (_, Some(body)) => request.json(body),
    }
}

fn form(fields: &Value) -> String {
    let fields = fields.as_object().unwrap().iter();
    let pairs = fields.map(|(name, value)| {
        let value = value.as_str().unwrap().replace(' ', "+");
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

async fn demoted(admin: &Client) -> Person {
    let person = Person::create_admin(admin).await;
    let (role, password) = (json!({ "role": "user" }), Client::admin_password());
    let demoted = admin.patch_admin(&person.id, &role, &password).await;
    demoted.expect(200);
    person
}

/// All callers. Those without access had it before.
struct Callers {
    admin: Client,
    user: Person,
    known: Person,
    other_admin: Person,
    demoted: Person,
    deactivated: Person,
    deleted: Person,
    logged_out: Person,
}

impl Callers {
    async fn assemble() -> Self {
        let admin = Client::from_env().await;
        let deactivated = Person::create_admin(&admin).await;
        let deleted = Person::create_admin(&admin).await;
        let logged_out = Person::create_admin(&admin).await;
        for person in [&deactivated, &deleted, &logged_out] {
            person.client.list(&[("limit", "1")]).await.expect(200);
        }
        let off = json!({ "is_active": false });
        admin.patch(&deactivated.id, &off).await.expect(200);
        let password = Client::admin_password();
        admin.delete_admin(&deleted.id, &password).await.expect(204);
        logged_out.client.logout().await.expect(204);
        Self {
            user: Person::create(&admin).await,
            known: Person::create(&admin).await,
            other_admin: Person::create_admin(&admin).await,
            demoted: demoted(&admin).await,
            deactivated,
            deleted,
            logged_out,
            admin,
        }
    }

    async fn person(&self, caller: Caller, fresh: bool) -> Option<Person> {
        Some(match (caller, fresh) {
            (Anonymous, _) => return None,
            (Oneself | Another, true) => Person::create(&self.admin).await,
            (Admin, true) => Person::create_admin(&self.admin).await,
            (Demoted, true) => demoted(&self.admin).await,
            (Oneself | Another, false) => self.user.clone(),
            (Admin, false) => self.other_admin.clone(),
            (Demoted, false) => self.demoted.clone(),
            (Deactivated, _) => self.deactivated.clone(),
            (Deleted, _) => self.deleted.clone(),
            (LoggedOut, _) => self.logged_out.clone(),
        })
    }

    /// Returns the ids in the path: of a user and a session, or of a service account and its key. They are new each
    /// time, because some calls delete them.
    async fn subject(&self, endpoint: Endpoint) -> (String, String) {
        match endpoint {
            Endpoint::EndSession => (self.known.id.clone(), self.known.session_id()),
            _ if is_about_accounts(endpoint) => {
                let account = ServiceAccount::create(&self.admin, &["import"]).await;
                (account.id, account.key_id)
            }
            _ if endpoint.path().contains("{id}") => (
                id(&self.admin.created(&new_user()).await).to_owned(),
                String::new(),
            ),
            _ => (String::new(), String::new()),
        }
    }

    /// Sends the caller's request about its subject.
    async fn call(&self, endpoint: Endpoint, caller: Caller, body: Option<&Value>) -> Reply {
        let person = self.person(caller, invalidates_the_caller(endpoint)).await;
        let (mut user, mut session) = self.subject(endpoint).await;
        if let (Oneself, Some(person)) = (caller, &person) {
            user.clone_from(&person.id);
            if endpoint == Endpoint::EndSession {
                session = person.sign_in().await.id();
            }
        }
        let client = person.map_or_else(Client::anonymous, |person| person.client);
        let request = request(endpoint, &client, &user, &session, body);
        client.send_patiently(request).await
    }
}

#[tokio::test]
async fn every_endpoint_enforces_the_access_table() {
    let callers = Callers::assemble().await;
    for &endpoint in Endpoint::ALL {
        for (at, caller) in CALLERS.into_iter().enumerate() {
            // A new body for each caller, because some can be sent only once.
            let (row, body) = row(endpoint, &callers.known);
            let (status, code) = row[at];
            let reply = callers.call(endpoint, caller, body.as_ref()).await;
            assert_eq!(reply.status, status, "{endpoint:?} by {caller:?}: {reply}");
            if !code.is_empty() {
                reply.problem(status, code);
            }
            if code == "unauthenticated" {
                let challenge = match caller {
                    Anonymous => "Bearer",
                    _ => "Bearer error=\"invalid_token\"",
                };
                reply.assert_header("www-authenticate", challenge);
            }
        }
    }
    for gone in [&callers.deactivated, &callers.deleted, &callers.logged_out] {
        gone.client.get(ME).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn service_accounts_need_the_scope_of_the_endpoint() {
    let callers = Callers::assemble().await;
    let all = ServiceAccount::create(&callers.admin, &SCOPES).await;
    for &endpoint in Endpoint::ALL {
        let scope = endpoint.scope().map(|scope| scope.as_str());
        let others = SCOPES.into_iter().filter(|other| Some(*other) != scope);
        let others: Vec<_> = others.collect();
        let others = ServiceAccount::create(&callers.admin, &others).await;
        for (account, has_scope) in [(&all, true), (&others, false)] {
            let (row, body) = row(endpoint, &callers.known);
            let (status, code) = service_account_row(endpoint, has_scope, &row);
            let (user, session) = callers.subject(endpoint).await;
            let request = request(endpoint, &account.client, &user, &session, body.as_ref());
            let reply = account.client.send_patiently(request).await;
            assert_eq!(reply.status, status, "{endpoint:?}, {has_scope}: {reply}");
            if code == "insufficient_scope" {
                let scope = scope.unwrap_or_default();
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                reply.assert_header("www-authenticate", &challenge);
            }
            if !code.is_empty() {
                reply.problem(status, code);
            }
        }
    }
}

#[tokio::test]
async fn head_has_the_access_rules_of_get() {
    let callers = Callers::assemble().await;
    let account = ServiceAccount::create(&callers.admin, &["import"]).await;
    for &endpoint in Endpoint::ALL.iter().filter(|e| e.method() == "GET") {
        let (row, _) = row(endpoint, &callers.known);
        for (caller, (status, _)) in CALLERS.into_iter().zip(row) {
            let person = callers.person(caller, false).await;
            let client = person.map_or_else(Client::anonymous, |person| person.client);
            let user = match caller {
                _ if is_about_accounts(endpoint) => &account.id,
                Oneself => &callers.user.id,
                _ => &callers.known.id,
            };
            let path = endpoint.path().replace("{id}", user);
            let reply = client.call(Method::HEAD, &path).await;
            assert_eq!(reply.status, status, "{endpoint:?} by {caller:?}: {reply}");
            assert!(reply.body.is_empty(), "{reply}");
        }
    }
}
