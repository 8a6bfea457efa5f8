//! One database with every use case over it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use accounts::audit::ListQuery;
use accounts::authentication::{AuthRequest, Authenticator, Credential};
use accounts::client_address::Network;
use accounts::feed::Feed;
use accounts::keys::Purpose;
use accounts::login_attempts::AttemptLimits;
use accounts::pagination::{PageSize, TimeOrder, TimeQuery};
use accounts::password::breached::BreachedPasswords;
use accounts::password::service::ResetToken;
use accounts::password::{Password, PasswordHash, SubmittedPassword};
use accounts::session::OpaqueToken;
use accounts::session::service::SignedIn;
use accounts::{
    Actor, Audit, Bootstrap, Cache, ClientAddress, Deferred, Error, HashSlots, LoginAttempts,
    NewPasswords, NewUser, Passwords, RootKey, ServiceAccounts, SessionPolicy, Sessions, User,
    UserId, UserPatch, Users,
};
use async_trait::async_trait;
use spin_pg_bindings::postgres::{Database, NativePostgres};
use spin_pg_bindings::redis::{Command, Redis, RedisError, Reply};

struct RedisIsDown;

#[async_trait]
impl Redis for RedisIsDown {
    async fn execute(&self, _: &Command) -> Result<Vec<Reply>, RedisError> {
        Err(RedisError::Connection("down".into()))
    }
}

/// Drops the work: with Redis permanently down there is nothing to update.
struct NothingDeferred;

#[async_trait]
impl Deferred for NothingDeferred {
    fn spawn(&self, _: Pin<Box<dyn Future<Output = ()> + Send>>) {}
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub const PASSWORD: &str = "correct horse battery";

/// Cheap to clone.
#[derive(Clone)]
pub struct Fixture {
    url: String,
    pub database: Arc<dyn Database>,
    pub users: Users,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub service_accounts: ServiceAccounts,
    pub authenticator: Authenticator,
    pub audit: Audit,
    pub feed: Feed,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with(None).await
    }

    /// Creates a fixture with a first admin who is created at their first login.
    pub async fn with(bootstrap: Option<(&str, &str)>) -> Self {
        Self::with_policy(bootstrap, SessionPolicy::default()).await
    }

    pub async fn with_policy(bootstrap: Option<(&str, &str)>, policy: SessionPolicy) -> Self {
        let admin = devservices::provided_or_exit("ROSTER_DATABASE_URL");
        let url = devservices::create_database(&admin).await.unwrap();
        let database: Arc<dyn Database> = Arc::new(NativePostgres::connect(&url).await.unwrap());
        let ttl = Duration::from_secs(30);
        let root = RootKey::new(b"a key of these tests");
        let cache = Cache::new(Arc::new(RedisIsDown), ttl, Arc::new(NothingDeferred), &root);
        let hash_slots = HashSlots::new(cache.clone(), database.clone(), "test", 2);
        let limits = AttemptLimits {
            per_account: 3,
            per_address: 10,
            first_delay: Duration::from_secs(30),
        };
        let emails = root.fingerprint_key(Purpose::LoginEmail);
        let login_attempts =
            LoginAttempts::new(database.clone(), hash_slots.clone(), limits, emails);
        let new = NewPasswords::new(BreachedPasswords::off(), hash_slots.clone());
        let bootstrap = bootstrap.map(|(email, password)| {
            let email = accounts::user::email::Email::parse(email).unwrap();
            Bootstrap::new(email, password, hash_slots.clone()).unwrap()
        });
        Self {
            users: Users::new(
                database.clone(),
                cache.clone(),
                new.clone(),
                &RootKey::new(&[1; 32]),
            ),
            sessions: Sessions::new(
                database.clone(),
                cache.clone(),
                login_attempts.clone(),
                bootstrap,
                policy,
                RootKey::new(&[1; 32]).fingerprint_key(Purpose::RefreshToken),
            ),
            passwords: Passwords::new(database.clone(), cache.clone(), login_attempts, new),
            service_accounts: ServiceAccounts::new(database.clone(), cache.clone()),
            authenticator: Authenticator::new(database.clone(), cache, None),
            audit: Audit::new(database.clone()),
            feed: Feed::new(database.clone(), Arc::new(NothingDeferred)),
            database,
            url,
        }
    }

    /// Opens a connection for the test itself, for transactions that hold locks.
    pub async fn connect(&self) -> NativePostgres {
        NativePostgres::connect(&self.url).await.unwrap()
    }

    /// Returns once a statement in this database waits for a lock.
    pub async fn until_one_waits(&self) {
        let observer = self.connect().await;
        let waiting = "SELECT true AS waits FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..1_000 {
            if !observer.read(waiting, vec![]).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no statement waits for a lock");
    }

    /// Creates a user who can sign in with [`PASSWORD`].
    pub async fn user(&self, email: &str, role: &str) -> User {
        let password = Some(PASSWORD.to_owned());
        let new = NewUser::parse(email, "Ada Lovelace", password, Some(role), None);
        self.users
            .create_user(new.unwrap(), None, actor())
            .await
            .unwrap()
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, Error> {
        self.sign_in_from("192.0.2.1", email, password).await
    }

    pub async fn sign_in_from(
        &self,
        address: &str,
        email: &str,
        password: &str,
    ) -> Result<SignedIn, Error> {
        let email = accounts::user::email::Email::parse(email).unwrap();
        let address = client(address);
        loop {
            let signed_in = self
                .sessions
                .sign_in(&email, &submitted(password), &address, actor())
                .await;
            // Machines differ in the time for which a slot is taken; that is not tested here.
            if !matches!(signed_in, Err(Error::Busy)) {
                return signed_in;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn refresh(&self, token: &OpaqueToken) -> Result<SignedIn, Error> {
        self.sessions.refresh(token, actor()).await
    }

    pub async fn create_reset_token(&self, user: UserId) -> Result<ResetToken, Error> {
        let created = self.passwords.create_reset_token(user, None, actor());
        created.await
    }

    pub async fn reset_password(&self, token: &str, new: &Password) -> Result<(), Error> {
        self.passwords.reset(token, new, actor()).await
    }

    pub async fn update_user(&self, user: UserId, patch: &UserPatch) -> Result<User, Error> {
        self.users.update_user(user, patch, None, actor()).await
    }

    /// Confirms the current password from an address.
    pub async fn confirm_from(
        &self,
        address: &str,
        user: UserId,
        password: &str,
    ) -> Result<PasswordHash, Error> {
        let (password, address) = (submitted(password), client(address));
        let confirmed =
            self.passwords
                .confirm(user, &password, "current_password", &address, actor());
        confirmed.await
    }

    /// Returns true if a request of this session is accepted.
    pub async fn is_alive(&self, signed_in: &SignedIn) -> bool {
        let auth_request = AuthRequest {
            credential: Some(Credential::Session(signed_in.user.id, signed_in.session)),
            ..AuthRequest::default()
        };
        self.authenticator
            .authenticate(&auth_request)
            .await
            .unwrap()
            .caller
            .is_some()
    }

    /// Returns the number of the user's live sessions.
    pub async fn session_count(&self, user: UserId) -> i64 {
        let mut query = TimeQuery::default();
        query.window.include_total = true;
        let page = self.sessions.list(user, &query).await.unwrap();
        page.total.unwrap()
    }

    /// Returns the actions of the audit trail, in order.
    pub async fn actions(&self) -> Vec<String> {
        let mut query = ListQuery {
            sort: TimeOrder::OldestFirst,
            ..ListQuery::default()
        };
        query.window.size = PageSize::MAX;
        let page = self.audit.list(&query).await.unwrap();
        page.items.into_iter().map(|event| event.action).collect()
    }

    /// Changes what no use case can change: time.
    pub async fn execute(&self, sql: &str) {
        self.database.write(sql, Vec::new()).await.unwrap();
    }
}

pub fn actor() -> &'static Actor {
    static ACTOR: LazyLock<Actor> = LazyLock::new(|| Actor::anonymous("r0").from_client("c0"));
    &ACTOR
}

/// The client at an address.
pub fn client(address: &str) -> ClientAddress {
    let key = RootKey::new(&[7; 32]).fingerprint_key(Purpose::Address);
    ClientAddress::new(&key, Network::parse(address.as_bytes()))
}

pub fn submitted(text: &str) -> SubmittedPassword {
    SubmittedPassword::parse(text.to_owned()).unwrap()
}
