//! Service accounts and their keys.

use accounts::authentication::{AuthRequest, Credential, Principal};
use accounts::pagination::TimeQuery;
use accounts::service_account::key::PresentedKey;
use accounts::service_account::{NewServiceAccount, ServiceAccountPatch};
use accounts::{Actor, Error, Expected, ServiceAccount, ServiceAccountId, UserId};
use futures::future::join_all;

use crate::fixture::{Fixture, actor};

async fn create(fixture: &Fixture, name: &str) -> ServiceAccount {
    let new = NewServiceAccount::parse(name, &["users:read".to_owned()]).unwrap();
    let created = fixture.service_accounts.create(&new, actor()).await;
    created.unwrap()
}

async fn create_key(fixture: &Fixture, account: ServiceAccountId) -> Result<String, Error> {
    let created = fixture.service_accounts.create_key(account, 30, actor());
    created.await.map(|(key, _)| key.reveal().to_owned())
}

/// Returns the account that a key authenticates.
async fn authenticate(fixture: &Fixture, key: &str) -> Option<ServiceAccount> {
    let request = AuthRequest {
        credential: Some(Credential::Key(PresentedKey::parse(key).unwrap())),
        ..AuthRequest::default()
    };
    let authenticated = fixture.authenticator.authenticate(&request).await.unwrap();
    authenticated.caller.map(|caller| match caller {
        Principal::Service(account) => account,
        Principal::User(user) => panic!("{user:?}"),
    })
}

async fn patch(fixture: &Fixture, id: ServiceAccountId, is_active: bool) -> ServiceAccount {
    let patch = ServiceAccountPatch::parse(None, None, Some(is_active)).unwrap();
    let updated = fixture
        .service_accounts
        .update(id, &patch, Expected::default(), actor());
    updated.await.unwrap()
}

#[tokio::test]
async fn a_key_authenticates_its_account_while_both_are_valid() {
    let fixture = Fixture::new().await;
    let account = create(&fixture, "billing").await;
    let (one, two) = (
        create_key(&fixture, account.id).await.unwrap(),
        create_key(&fixture, account.id).await.unwrap(),
    );
    for key in [&one, &two] {
        let found = authenticate(&fixture, key).await.unwrap();
        assert_eq!(
            (found.id, found.version, found.keys.len()),
            (account.id, 3, 2)
        );
    }
    patch(&fixture, account.id, false).await;
    assert!(authenticate(&fixture, &one).await.is_none());
    let active = patch(&fixture, account.id, true).await;
    assert!(authenticate(&fixture, &one).await.is_some());

    let first = active.keys[0].id;
    let service_accounts = &fixture.service_accounts;
    let delete = || service_accounts.delete_key(account.id, first, actor());
    delete().await.unwrap();
    assert_eq!(delete().await, Err(Error::NotFound));
    assert!(authenticate(&fixture, &one).await.is_none());
    assert!(authenticate(&fixture, &two).await.is_some());
    let expire =
        "UPDATE service_accounts SET keys = jsonb_set(keys, '{0,expires_at}', to_jsonb(now()))";
    fixture.execute(expire).await;
    assert!(authenticate(&fixture, &two).await.is_none());
    service_accounts
        .delete(account.id, Expected::default(), actor())
        .await
        .unwrap();
    assert!(authenticate(&fixture, &two).await.is_none());
    let unknown = service_accounts.get(account.id).await;
    assert_eq!(unknown, Err(Error::NotFound));
}

#[tokio::test]
async fn an_account_never_has_more_than_two_keys() {
    let fixture = Fixture::new().await;
    let account = create(&fixture, "billing").await;
    let created = join_all((0..8).map(|_| create_key(&fixture, account.id))).await;
    let rejected = created
        .iter()
        .filter(|created| **created == Err(Error::TooManyKeys));
    assert_eq!(rejected.count(), 6, "{created:?}");
    // An expired key makes room.
    let expire =
        "UPDATE service_accounts SET keys = jsonb_set(keys, '{1,expires_at}', to_jsonb(now()))";
    fixture.execute(expire).await;
    create_key(&fixture, account.id).await.unwrap();
    let stored = fixture.service_accounts.get(account.id).await.unwrap();
    assert_eq!(stored.keys.len(), 2);
    let missing = create_key(&fixture, ServiceAccountId::generate()).await;
    assert_eq!(missing, Err(Error::NotFound));
}

#[tokio::test]
async fn names_are_unique_and_changes_require_the_expected_version() {
    let fixture = Fixture::new().await;
    let (billing, reports) = (
        create(&fixture, "billing").await,
        create(&fixture, "reports").await,
    );
    let new = NewServiceAccount::parse("billing", &["import".to_owned()]).unwrap();
    let service_accounts = &fixture.service_accounts;
    let twin = service_accounts.create(&new, actor()).await;
    assert_eq!(twin, Err(Error::NameTaken));
    let rename = ServiceAccountPatch::parse(Some("billing"), None, None).unwrap();
    let update = |id, patch, versions: Vec<i64>| {
        let expected = Expected::from(Some(versions));
        async move { service_accounts.update(id, patch, expected, actor()).await }
    };
    let taken = update(reports.id, &rename, vec![1]).await;
    assert_eq!(taken, Err(Error::NameTaken));
    // Without effect.
    assert_eq!(
        update(billing.id, &rename, vec![1]).await,
        Ok(billing.clone())
    );
    assert_eq!(
        update(billing.id, &rename, vec![2]).await,
        Err(Error::Stale)
    );
    let missing = update(ServiceAccountId::generate(), &rename, vec![1]).await;
    assert_eq!(missing, Err(Error::NotFound));
    let stale = service_accounts.delete(billing.id, Expected::from(Some(vec![2])), actor());
    assert_eq!(stale.await, Err(Error::Stale));
    let page = service_accounts.list(&TimeQuery::default()).await.unwrap();
    let names: Vec<_> = page
        .items
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    assert_eq!(names, ["reports", "billing"]);
}

#[tokio::test]
async fn each_change_is_audited_with_its_actor() {
    let fixture = Fixture::new().await;
    let admin = UserId::generate();
    let by = Actor::user(admin, "r1").from_client("c1");
    let service_accounts = &fixture.service_accounts;
    let new = NewServiceAccount::parse("billing", &["import".to_owned()]).unwrap();
    let account = service_accounts.create(&new, &by).await.unwrap();
    let (key, _) = service_accounts
        .create_key(account.id, 1, &by)
        .await
        .unwrap();
    let scopes = ServiceAccountPatch::parse(None, Some(&["users:read".to_owned()]), None).unwrap();
    let any = Expected::default;
    service_accounts
        .update(account.id, &scopes, any(), &by)
        .await
        .unwrap();
    service_accounts
        .delete_key(account.id, key.id, &by)
        .await
        .unwrap();
    service_accounts
        .delete(account.id, any(), &by)
        .await
        .unwrap();
    let actions = fixture.actions().await;
    let all = [
        "service_account_created",
        "api_key_created",
        "service_account_changed",
        "api_key_deleted",
        "service_account_deleted",
    ];
    assert_eq!(actions, all);
    let events = "SELECT count(*) AS n FROM audit
        WHERE actor_id = $1 AND target_id = $2 AND request_id = 'r1' AND client = 'c1'";
    let params = vec![admin.0.into(), account.id.0.into()];
    let rows = fixture.database.read(events, params).await.unwrap();
    assert_eq!(rows[0].get::<i64>("n").unwrap(), 5);
}
