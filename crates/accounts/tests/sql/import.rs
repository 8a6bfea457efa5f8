//! Import of users.

use accounts::password::PasswordHash;
use accounts::user::attributes::Attributes;
use accounts::user::email::Email;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::imported::{ImportedUser, LineOutcome};
use accounts::user::service::import::Line;
use accounts::{Actor, Error, FieldError, NewUser, Role, UserId};
use spin_pg_bindings::postgres::Param;
use time::macros::datetime;

use crate::fixture::{Fixture, PASSWORD, actor};

/// Hashes of [`PASSWORD`], made by passlib 1.7.4 with bcrypt 4.0.1 and argon2-cffi 25.1.0, and by Django 5.2.19.
const HASHES: [&str; 9] = [
    "$2a$05$Xnb0qiNfAgbx7CwWP.TqDuiI4Kf93MG2cCggcvJoNSD3NBeFuo8fC",
    "$2b$05$SNxgt75BNGReOT3dib1OFO7jFaGAr2Z4yRtPeaNINPBU.zvdilDVe",
    "$2y$05$oVyGpdVNmTghjEtmwgbWFuGTP9Wo/pW7IL1Y4gmdoTmoObZUYhcKy",
    "$argon2i$v=19$m=1024,t=1,p=2$ZOx97x2DMMaYs1Yq5VwrpQ$6YXZPSKAVkbsUjhm0zc39MsLBDF+u44dVyQvUUEl/tg",
    "$argon2d$v=19$m=1024,t=1,p=2$aQ3B2Ntb650TwnjPGcPY+w$2u3HJfXNYzr/KQnkJz3kgvLM7qV0Axj/kPSEa+1/l8A",
    "$pbkdf2-sha256$1000$6j2HUEqJ8f5/7z2nlJKSMg$37mIW5Wy5E0QxNk2Zq2CZ2JSQgUszZXIIy/3KORIU3o",
    "$pbkdf2-sha512$1000$OacUolSqVSrlHGOsdY7R2g$TjlFioqpNwOKsbt2.104n/vBt8w.ImtHtJj3Esk.GpiSkK3fy.K9Kkg7YyAvbk/VUWutZASfJ7GIz3f94Woh5g",
    "$scrypt$ln=8,r=8,p=1$lZLSmrN2DmFsrZVSSqm19g$l+m3FOe+fFRDErvXcSUzQDuAhg7AvjaM5sTT01rXGHI",
    "pbkdf2_sha256$1000$abcDEF123$wyJYyMCK65F4u9UmwpE0NS+/ON/CEMp0xWLN6QwXcAc=",
];

fn line(email: &str, external_id: Option<&str>) -> ImportedUser {
    ImportedUser {
        id: None,
        email: Email::parse(email).unwrap(),
        full_name: full_name("Ada Lovelace"),
        role: Role::User,
        is_active: true,
        external_id: external_id.map(|id| ExternalId::parse(id).unwrap()),
        created_at: None,
        password_hash: None,
        attributes: Attributes::default(),
    }
}

fn full_name(text: &str) -> FullName {
    FullName::parse(text).unwrap()
}

fn hash(text: &str) -> Option<PasswordHash> {
    Some(PasswordHash::import(text.to_owned()).unwrap())
}

async fn import_by(fixture: &Fixture, lines: Vec<ImportedUser>, actor: &Actor) -> Vec<LineOutcome> {
    let expected: Vec<_> = (1..=lines.len()).collect();
    let lines: Vec<Line> = (1..).zip(lines.into_iter().map(Ok)).collect();
    let outcomes = fixture.users.import_users(lines, actor).await;
    let (numbers, outcomes): (Vec<_>, Vec<_>) = outcomes.unwrap().into_iter().unzip();
    assert_eq!(numbers, expected);
    outcomes
}

async fn import(fixture: &Fixture, lines: Vec<ImportedUser>) -> Vec<LineOutcome> {
    import_by(fixture, lines, actor()).await
}

#[track_caller]
fn created(outcome: &LineOutcome) -> UserId {
    match outcome {
        LineOutcome::Created(id) => *id,
        other => panic!("{other:?}"),
    }
}

/// Fields of the errors of a rejected line.
#[track_caller]
fn rejected(outcome: &LineOutcome) -> Vec<&str> {
    match outcome {
        LineOutcome::Rejected(errors) => errors.iter().map(|e| e.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn imported_users_have_every_field_and_an_event() {
    let fixture = Fixture::new().await;
    let admin = UserId::generate();
    let by = Actor::user(admin, "r1").from_client("c1");
    let full = ImportedUser {
        role: Role::Admin,
        is_active: false,
        created_at: Some(datetime!(2019-05-01 08:00 +2)),
        ..line("Ada@B.example", Some("4711"))
    };
    let outcomes = import_by(&fixture, vec![full, line("grace@b.example", None)], &by).await;
    let ada = fixture.users.get_user(created(&outcomes[0])).await.unwrap();
    assert_eq!(ada.email.as_str(), "ada@b.example");
    assert_eq!((ada.role.as_str(), ada.is_active), ("admin", false));
    assert_eq!(ada.created_at.unix_timestamp(), 1_556_690_400);
    assert_eq!(ada.version, 1);
    let grace = fixture.users.get_user(created(&outcomes[1])).await.unwrap();
    assert_eq!((grace.role.as_str(), grace.is_active), ("user", true));
    assert!(ada.id.0 < grace.id.0, "ids sort by creation");

    let events = "SELECT count(*) AS n FROM audit JOIN users ON target_id = users.id
        WHERE action = 'user_imported' AND actor_id = $1 AND request_id = 'r1' AND client = 'c1'";
    let rows = fixture.database.read(events, vec![admin.0.into()]).await;
    assert_eq!(rows.unwrap()[0].get::<i64>("n").unwrap(), 2);
    assert_eq!(fixture.actions().await.len(), 2);
}

#[tokio::test]
async fn a_repeated_import_changes_nothing() {
    let fixture = Fixture::new().await;
    let lines = || {
        vec![
            line("ada@b.example", Some("1")),
            line("grace@b.example", None),
        ]
    };
    let first = import(&fixture, lines()).await;
    let ids: Vec<_> = first.iter().map(created).collect();
    let unchanged: Vec<_> = ids.iter().copied().map(LineOutcome::Unchanged).collect();
    assert_eq!(import(&fixture, lines()).await, unchanged);
    let renamed = ImportedUser {
        full_name: full_name("Another Name"),
        role: Role::Admin,
        password_hash: hash(HASHES[0]),
        ..line("ada@b.example", Some("1"))
    };
    assert_eq!(
        import(&fixture, vec![renamed]).await,
        [unchanged[0].clone()]
    );
    let ada = fixture.users.get_user(ids[0]).await.unwrap();
    assert_eq!((ada.full_name.as_str(), ada.version), ("Ada Lovelace", 1));
    // The email alone names the same user.
    let by_email = import(&fixture, vec![line("ADA@b.example", None)]).await;
    assert_eq!(by_email, [unchanged[0].clone()]);
    assert_eq!(fixture.actions().await, ["user_imported", "user_imported"]);
}

#[tokio::test]
async fn lines_that_contradict_a_stored_user_are_rejected() {
    let fixture = Fixture::new().await;
    let native = NewUser::parse("native@b.example", "Native", None, None, None).unwrap();
    let native = fixture.users.create_user(native, None, actor()).await;
    let stored = vec![
        line("ada@b.example", Some("1")),
        line("grace@b.example", Some("2")),
    ];
    import(&fixture, stored).await;
    let outcomes = import(
        &fixture,
        vec![
            line("ada@b.example", Some("2")),
            line("ada@b.example", Some("3")),
            line("native@b.example", Some("4")),
            line("new@b.example", Some("1")),
            line("new@b.example", Some("5")),
        ],
    )
    .await;
    // The second line repeats the email of the first.
    assert_eq!(rejected(&outcomes[0]), ["external_id"]);
    assert_eq!(rejected(&outcomes[1]), ["email"]);
    assert_eq!(rejected(&outcomes[2]), ["email"]);
    assert_eq!(rejected(&outcomes[3]), ["external_id"]);
    assert_eq!(rejected(&outcomes[4]), ["email"]);
    let alone = import(&fixture, vec![line("ada@b.example", Some("3"))]).await;
    assert_eq!(rejected(&alone[0]), ["email"]);
    let same = import(&fixture, vec![line("native@b.example", None)]).await;
    assert_eq!(same, [LineOutcome::Unchanged(native.unwrap().id)]);
}

#[tokio::test]
async fn invalid_and_repeated_lines_do_not_affect_the_others() {
    let fixture = Fixture::new().await;
    let invalid = FieldError::new("email", "must have the form name@example.com");
    let lines: Vec<Line> = vec![
        (1, Ok(line("one@b.example", Some("1")))),
        (2, Err(vec![invalid])),
        (4, Ok(line("ONE@b.example", Some("3")))),
        (5, Ok(line("four@b.example", Some("1")))),
        (6, Ok(line("one@b.example", Some("1")))),
        (7, Ok(line("seven@b.example", Some("2")))),
    ];
    let outcomes = fixture.users.import_users(lines, actor()).await;
    let (numbers, outcomes): (Vec<_>, Vec<_>) = outcomes.unwrap().into_iter().unzip();
    assert_eq!(numbers, [1, 2, 4, 5, 6, 7]);
    created(&outcomes[0]);
    assert_eq!(rejected(&outcomes[1]), ["email"]);
    assert_eq!(rejected(&outcomes[2]), ["email"]);
    assert_eq!(rejected(&outcomes[3]), ["external_id"]);
    assert_eq!(rejected(&outcomes[4]), ["email", "external_id"]);
    created(&outcomes[5]);
    assert_eq!(fixture.actions().await.len(), 2);
}

#[tokio::test]
async fn concurrent_imports_of_the_same_users_create_each_once() {
    let fixture = Fixture::new().await;
    let lines = |reversed: bool| {
        let mut lines: Vec<_> = (0..200)
            .map(|n| line(&format!("u{n}@b.example"), Some(&n.to_string())))
            .collect();
        if reversed {
            lines.reverse();
        }
        lines
    };
    let runs: Vec<_> = (0..4)
        .map(|n| {
            let fixture = fixture.clone();
            tokio::spawn(async move { import(&fixture, lines(n % 2 == 1)).await })
        })
        .collect();
    let mut new = 0;
    for run in runs {
        for outcome in run.await.unwrap() {
            match outcome {
                LineOutcome::Created(_) => new += 1,
                LineOutcome::Unchanged(_) => {}
                LineOutcome::Rejected(errors) => panic!("{errors:?}"),
            }
        }
    }
    assert_eq!(new, 200);
    let rows = "SELECT count(*) AS n FROM audit WHERE action = 'user_imported'";
    let rows = fixture.database.read(rows, vec![]).await.unwrap();
    assert_eq!(rows[0].get::<i64>("n").unwrap(), 200);
}

#[tokio::test]
async fn a_line_that_a_concurrent_statement_creates_is_unchanged() {
    let fixture = Fixture::new().await;
    let other = fixture.connect().await;
    let insert = "BEGIN; INSERT INTO users (id, email, full_name, external_id)
         VALUES (gen_random_uuid(), 'ada@b.example', 'Ada', '1')";
    other.batch(insert).await.unwrap();
    let running = tokio::spawn({
        let fixture = fixture.clone();
        async move { import(&fixture, vec![line("ada@b.example", Some("1"))]).await }
    });
    fixture.until_one_waits().await;
    other.batch("COMMIT").await.unwrap();
    let outcomes = running.await.unwrap();
    assert!(
        matches!(outcomes[..], [LineOutcome::Unchanged(_)]),
        "{outcomes:?}"
    );
    assert!(fixture.actions().await.is_empty());
}

async fn stored_hash(fixture: &Fixture, user: UserId) -> String {
    let sql = "SELECT password_hash FROM users WHERE id = $1";
    let rows = fixture.database.read(sql, vec![user.0.into()]).await;
    rows.unwrap()[0].get("password_hash").unwrap()
}

#[tokio::test]
async fn the_first_login_replaces_an_imported_hash() {
    let fixture = Fixture::new().await;
    let lines = HASHES.iter().enumerate().map(|(n, text)| ImportedUser {
        password_hash: hash(text),
        ..line(&format!("u{n}@b.example"), None)
    });
    let outcomes = import(&fixture, lines.collect()).await;
    for (n, (outcome, hash)) in outcomes.iter().zip(HASHES).enumerate() {
        let (user, email) = (created(outcome), format!("u{n}@b.example"));
        let from = format!("192.0.2.{n}");
        let wrong = fixture.sign_in_from(&from, &email, "wrong").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword, "{hash}");
        assert_eq!(stored_hash(&fixture, user).await, hash);
        let signed_in = fixture.sign_in_from(&from, &email, PASSWORD).await;
        assert!(fixture.is_alive(&signed_in.unwrap()).await, "{hash}");
        let new = stored_hash(&fixture, user).await;
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let again = fixture.sign_in_from(&from, &email, PASSWORD).await;
        assert!(again.is_ok(), "{hash}");
        assert_eq!(stored_hash(&fixture, user).await, new);
    }
}

#[tokio::test]
async fn the_table_accepts_only_known_hashes_and_ids() {
    let fixture = Fixture::new().await;
    let insert = "INSERT INTO users (id, email, full_name, password_hash, external_id)
        VALUES (gen_random_uuid(), $1, 'Ada', $2, $3)";
    let accepts = async |n: usize, hash: Option<&str>, id: Option<&str>| {
        let email = format!("u{n}@b.example");
        let params: Vec<Param> = vec![email.into(), hash.into(), id.into()];
        fixture.database.write(insert, params).await.is_ok()
    };
    for (n, hash) in HASHES.into_iter().enumerate() {
        assert!(accepts(n, Some(hash), None).await, "{hash}");
    }
    for hash in [
        "",
        "secret",
        "$2x$06$",
        "$1$abc",
        "$argon2$",
        "pbkdf2_sha1$1$a$b",
    ] {
        assert!(!accepts(100, Some(hash), None).await, "{hash}");
    }
    assert!(accepts(200, None, Some("1")).await);
    assert!(!accepts(201, None, Some("1")).await, "unique");
    assert!(!accepts(202, None, Some("")).await);
    assert!(accepts(203, None, Some(&"\u{6f22}".repeat(200))).await);
    assert!(!accepts(204, None, Some(&"x".repeat(201))).await);
}

#[tokio::test]
async fn a_thousand_users_are_one_statement_within_its_deadline() {
    let fixture = Fixture::new().await;
    let lines = (0..1_000).map(|n| ImportedUser {
        password_hash: hash(HASHES[n % HASHES.len()]),
        ..line(&format!("u{n}@b.example"), Some(&n.to_string()))
    });
    let outcomes = import(&fixture, lines.collect()).await;
    assert_eq!(outcomes.iter().map(created).count(), 1_000);
}
