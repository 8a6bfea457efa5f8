//! Operations on a real database, a fresh one per test.

use std::time::Duration;

use accounts::client_address::Network;
use accounts::keys::Purpose;
use accounts::login_attempts::AttemptLimits;
use accounts::password::SubmittedPassword;
use accounts::user::email::Email;
use accounts::{ClientAddress, Sessions};

use super::*;
use crate::first_admin::FirstAdmin;

/// An operator of a new database; `None` without a server.
async fn operator() -> Option<Operator> {
    let url = database().await?;
    Some(Operator::connect(&url).await.unwrap())
}

async fn database() -> Option<String> {
    let server = devservices::provided("ROSTER_DATABASE_URL")?;
    Some(devservices::create_database(&server).await.unwrap())
}

fn first_admin(email: &str, password: Option<&str>) -> FirstAdmin {
    FirstAdmin::new(Email::parse(email).unwrap(), password.map(str::to_owned))
}

/// Creates a user with the password `correct horse`.
async fn create(operator: &Operator, email: &str, role: &str) -> User {
    let password = Some("correct horse".to_owned());
    let new = NewUser::parse(email, "Ada Lovelace", password, Some(role), None);
    operator.create_user(new.unwrap()).await.unwrap()
}

async fn sign_in(operator: &Operator, email: &str, password: &str) -> Result<User, Error> {
    let cache = unused_cache();
    let limits = AttemptLimits {
        per_account: 5,
        per_address: 50,
        first_delay: Duration::from_secs(30),
    };
    let (database, hash_slots) = (operator.database.clone(), operator.hash_slots.clone());
    let login_attempts = LoginAttempts::new(
        database.clone(),
        hash_slots,
        limits,
        RootKey::new(&[1; 32]).fingerprint_key(Purpose::LoginEmail),
    );
    let sessions = Sessions::new(
        database,
        cache,
        login_attempts,
        None,
        accounts::SessionPolicy::default(),
        RootKey::new(&[1; 32]).fingerprint_key(Purpose::RefreshToken),
    );
    let (email, submitted) = (
        Email::parse(email).unwrap(),
        SubmittedPassword::parse(password.into()).unwrap(),
    );
    let address = ClientAddress::new(
        &RootKey::new(&[7; 32]).fingerprint_key(Purpose::Address),
        Network::Unknown,
    );
    let signed_in = sessions
        .sign_in(&email, &submitted, &address, &Actor::anonymous("test"))
        .await?;
    Ok(signed_in.user)
}

async fn actions(operator: &Operator) -> Vec<String> {
    let sql = "SELECT action FROM audit WHERE request_id LIKE 'roster-admin-%' ORDER BY at, id";
    let rows = operator.database.read(sql, Vec::new()).await.unwrap();
    rows.iter().map(|row| row.get("action").unwrap()).collect()
}

#[tokio::test]
async fn the_first_admin_is_created_once_and_can_sign_in() {
    let Some(operator) = operator().await else {
        return;
    };
    let first = first_admin("admin@example.com", None);
    let made = first.provide(&operator).await.unwrap();
    assert_eq!(made.email, "admin@example.com");
    let password = made.password.unwrap();
    assert_eq!(password.len(), 24);
    let user = sign_in(&operator, &made.email, &password).await.unwrap();
    assert_eq!(user.role, Role::Admin);
    let again = first.provide(&operator).await.unwrap();
    assert_eq!((again.email, again.password), (made.email, None));
    assert_eq!(operator.admins().await.unwrap().len(), 1);
    assert_eq!(actions(&operator).await, ["admin_bootstrapped"]);
}

#[tokio::test]
async fn a_configured_password_is_used_and_not_returned() {
    let Some(operator) = operator().await else {
        return;
    };
    let first = first_admin("Root@Example.com", Some("tr0ub4dor and 3"));
    let made = first.provide(&operator).await.unwrap();
    assert_eq!(
        (made.email.as_str(), made.password),
        ("root@example.com", None)
    );
    sign_in(&operator, &made.email, "tr0ub4dor and 3")
        .await
        .unwrap();
    let wrong = sign_in(&operator, &made.email, "tr0ub4dor and 4").await;
    assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
}

#[tokio::test]
async fn a_deleted_first_admin_is_not_recreated() {
    let Some(operator) = operator().await else {
        return;
    };
    let first = first_admin("admin@example.com", None);
    first.provide(&operator).await.unwrap();
    let one = operator.find("admin@example.com").await.unwrap();
    let actor = operator.actor();
    let delete = || operator.users.delete_user(one.id, None, &actor);
    assert_eq!(delete().await, Err(Error::LastAdmin));
    create(&operator, "b@example.com", "admin").await;
    delete().await.unwrap();

    let next = first.provide(&operator).await.unwrap();
    assert_eq!(
        (next.email.as_str(), next.password),
        ("b@example.com", None)
    );
    let gone = operator.find("admin@example.com").await;
    assert_eq!(gone, Err(Error::NotFound));
}

#[tokio::test]
async fn concurrent_starts_create_one_first_admin() {
    let Some(url) = database().await else {
        return;
    };
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let operator = Operator::connect(&url).await.unwrap();
        starts.spawn(async move {
            first_admin("admin@example.com", None)
                .provide(&operator)
                .await
                .unwrap()
        });
    }
    let made = starts.join_all().await;
    assert_eq!(
        made.iter().filter(|admin| admin.password.is_some()).count(),
        1
    );
}

#[tokio::test]
async fn no_first_admin_is_created_if_an_admin_exists() {
    let Some(operator) = operator().await else {
        return;
    };
    create(&operator, "a@example.com", "admin").await;
    let first = first_admin("admin@example.com", None);
    let admin = first.provide(&operator).await.unwrap();
    assert_eq!(admin.email, "a@example.com");
    assert!(admin.password.is_none());
}

#[tokio::test]
async fn an_existing_user_without_the_role_is_reported() {
    let Some(operator) = operator().await else {
        return;
    };
    create(&operator, "admin@example.com", "user").await;
    let first = first_admin("admin@example.com", None);
    let error = first.provide(&operator).await.unwrap_err().to_string();
    assert!(error.contains("BOOTSTRAP_ADMIN_EMAIL"), "{error}");
    assert!(operator.admins().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reset_token_changes_nothing_until_it_is_used() {
    let Some(operator) = operator().await else {
        return;
    };
    let user = create(&operator, "a@example.com", "user").await;
    let reset = operator.create_reset_token(&user).await.unwrap();
    sign_in(&operator, "a@example.com", "correct horse")
        .await
        .unwrap();
    let new = accounts::password::Password::parse("battery staple".into()).unwrap();
    let (token, anonymous) = (reset.token.reveal(), Actor::anonymous("test"));
    let set = || operator.passwords.reset(token, &new, &anonymous);
    set().await.unwrap();
    sign_in(&operator, "a@example.com", "battery staple")
        .await
        .unwrap();
    assert!(set().await.is_err());
    assert_eq!(
        actions(&operator).await,
        ["user_created", "reset_token_created"]
    );
}
