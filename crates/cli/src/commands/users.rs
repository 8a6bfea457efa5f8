//! `roster users`.

use std::collections::HashMap;
use std::slice;

use roster_client::types::{Attributes, User, UserList};
use serde_json::{Map, Value};

use crate::arguments::{CreateUser, ListUsers, UpdateUser, Users};
use crate::commands::pages::{self, paged, request, set};
use crate::commands::{export, import};
use crate::failure::Failure;
use crate::output::Output;
use crate::prompt;
use crate::session::{Called, Session};

paged!(UserList);

/// Runs the command.
pub async fn run(session: &Session, output: &Output, users: Users) -> Result<(), Failure> {
    match users {
        Users::List(options) => list(session, output, options).await,
        Users::Get { id } => {
            let user = session
                .call(async |client| client.get_user().id(id).send().await)
                .await?;
            print(output, &user)
        }
        Users::Create(options) => create(session, output, options).await,
        Users::Export(options) => export::run(session, output, options).await,
        Users::Import(options) => import::run(session, output, options).await,
        Users::Update(options) => update(session, output, options).await,
        Users::Delete { id, condition } => {
            let delete = async |client: roster_client::Client, password: Option<String>| {
                let request = client.delete_user().id(id);
                let mut request = request.body_map(|body| body.current_password(password));
                set!(request; if_match = condition.etag());
                request.send().await
            };
            confirmed(session, delete).await?;
            Ok(())
        }
        Users::ResetToken { id } => {
            let create = async |client: roster_client::Client, password: Option<String>| {
                let request = client.create_reset_token().id(id);
                let request = request.body_map(|body| body.current_password(password));
                request.send().await
            };
            let token = confirmed(session, create).await?;
            let row = [token.reset_token.clone(), token.expires_at.to_rfc3339()];
            output.print(&*token, ["RESET TOKEN", "EXPIRES"], [row])
        }
        Users::EndSessions { id } => {
            session
                .call(async |client| client.end_user_sessions().id(id).send().await)
                .await?;
            Ok(())
        }
    }
}

async fn list(session: &Session, output: &Output, options: ListUsers) -> Result<(), Failure> {
    let page = &options.page;
    let attributes = filters(&options.attribute)?;
    let read = async |cursor: Option<String>| {
        let call = async |client: roster_client::Client| {
            let request = request!(client.list_users(), page, cursor.clone();
                created_after = options.period.created_after,
                created_before = options.period.created_before,
                email = options.email.clone(),
                external_id = options.external_id.clone(), role = options.role,
                is_active = options.is_active, q = options.q.clone(),
                attributes = attributes.clone());
            request.send().await
        };
        Ok(session.call(call).await?.into_inner())
    };
    let list = pages::read(page, read).await?;
    output.print(&list, TITLES, list.items.iter().map(row))?;
    output.more(list.next.as_deref());
    Ok(())
}

async fn create(session: &Session, output: &Output, options: CreateUser) -> Result<(), Failure> {
    let password = match options.set_password {
        true => Some(prompt::password("New password", "ROSTER_NEW_PASSWORD")?),
        false => None,
    };
    let create = async |client: roster_client::Client| {
        let mut request = client.create_user().body_map(|body| {
            body.email(&options.email)
                .full_name(&options.full_name)
                .password(password.clone())
                .role(options.role)
                .is_active(options.is_active)
                .attributes(attributes(options.attributes.as_ref()))
        });
        set!(request; idempotency_key = options.idempotency_key.clone());
        request.send().await
    };
    let user = session.call(create).await?;
    print(output, &user)
}

async fn update(session: &Session, output: &Output, options: UpdateUser) -> Result<(), Failure> {
    let update = async |client: roster_client::Client, password: Option<String>| {
        let mut request = client.update_user().id(options.id).body_map(|body| {
            body.current_password(password)
                .email(options.email.clone())
                .full_name(options.full_name.clone())
                .role(options.role)
                .is_active(options.is_active)
                .attributes(attributes(options.attributes.as_ref()))
        });
        set!(request; if_match = options.condition.etag());
        request.send().await
    };
    let user = confirmed(session, update).await?;
    print(output, &user)
}

/// Returns the parameters that select users by attributes, or none.
fn filters(attributes: &[(String, String)]) -> Result<Option<HashMap<String, String>>, Failure> {
    let mut filters = HashMap::new();
    for (name, value) in attributes {
        let parameter = format!("attributes.{name}");
        if filters.insert(parameter, value.clone()).is_some() {
            return Err(Failure::Local(format!("--attribute {name} is repeated")));
        }
    }
    Ok((!filters.is_empty()).then_some(filters))
}

/// Returns the attributes of a request, or none.
fn attributes(sent: Option<&Map<String, Value>>) -> Option<Attributes> {
    sent.cloned().map(Attributes)
}

/// Makes a call, and retries it with the caller's own password if the server requires it.
async fn confirmed<T>(
    session: &Session,
    call: impl AsyncFn(roster_client::Client, Option<String>) -> Called<T>,
) -> Result<T, Failure> {
    match session.call(async |client| call(client, None).await).await {
        Err(failure) if failure.is_about("#/current_password") => {
            let password = prompt::password("Your own password", "ROSTER_PASSWORD")?;
            session
                .call(async |client| call(client, Some(password.clone())).await)
                .await
        }
        other => other,
    }
}

/// Prints one user.
pub fn print(output: &Output, user: &User) -> Result<(), Failure> {
    output.print(user, TITLES, slice::from_ref(user).iter().map(row))
}

const TITLES: [&str; 7] = [
    "ID", "EMAIL", "NAME", "ROLE", "ACTIVE", "CREATED", "VERSION",
];

fn row(user: &User) -> [String; 7] {
    [
        user.id.to_string(),
        user.email.clone(),
        user.full_name.clone(),
        user.role.to_string(),
        if user.is_active { "yes" } else { "no" }.to_owned(),
        user.created_at.format("%F %T").to_string(),
        user.version.to_string(),
    ]
}
