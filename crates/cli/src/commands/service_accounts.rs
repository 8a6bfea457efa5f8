//! `roster service-accounts`.

use std::slice;

use roster_client::Client;
use roster_client::types::{ServiceAccount, ServiceAccountList};

use crate::arguments::service_accounts::{ServiceAccounts, UpdateServiceAccount};
use crate::commands::pages::{self, paged, request, set};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

paged!(ServiceAccountList);

/// Runs the command.
pub async fn run(
    session: &Session,
    output: &Output,
    command: ServiceAccounts,
) -> Result<(), Failure> {
    match command {
        ServiceAccounts::List { page } => {
            let page = &page;
            let read = async |cursor: Option<String>| {
                let call = async |client: Client| {
                    let request = request!(client.list_service_accounts(), page, cursor.clone(););
                    request.send().await
                };
                Ok(session.call(call).await?.into_inner())
            };
            let list = pages::read(page, read).await?;
            output.print(&list, TITLES, list.items.iter().map(row))?;
            output.more(list.next.as_deref());
        }
        ServiceAccounts::Get { id } => {
            let call = async |client: Client| client.get_service_account().id(id).send().await;
            print(output, &*session.call(call).await?)?;
        }
        ServiceAccounts::Create { name, scopes } => {
            let call = async |client: Client| {
                let request = client.create_service_account();
                let request = request.body_map(|body| body.name(&name).scopes(scopes.clone()));
                request.send().await
            };
            print(output, &*session.call(call).await?)?;
        }
        ServiceAccounts::Update(options) => update(session, output, options).await?,
        ServiceAccounts::Delete { id, condition } => {
            let call = async |client: Client| {
                let mut request = client.delete_service_account().id(id);
                set!(request; if_match = condition.etag());
                request.send().await
            };
            session.call(call).await?;
        }
        ServiceAccounts::CreateKey {
            id,
            expires_in_days,
        } => {
            let call = async |client: Client| {
                let request = client.create_api_key().id(id);
                let request = request.body_map(|body| body.expires_in_days(expires_in_days));
                request.send().await
            };
            let key = session.call(call).await?;
            let row = [
                key.id.to_string(),
                key.key.to_string(),
                key.expires_at.to_rfc3339(),
            ];
            output.print(&*key, ["ID", "KEY", "EXPIRES"], [row])?;
        }
        ServiceAccounts::DeleteKey { id, key_id } => {
            let call =
                async |client: Client| client.delete_api_key().id(id).key_id(key_id).send().await;
            session.call(call).await?;
        }
    }
    Ok(())
}

async fn update(
    session: &Session,
    output: &Output,
    options: UpdateServiceAccount,
) -> Result<(), Failure> {
    let call = async |client: Client| {
        let request = client.update_service_account().id(options.id);
        let mut request = request.body_map(|body| {
            body.name(options.name.clone())
                // Omitted if there are none.
                .scopes(options.scopes.clone())
                .is_active(options.is_active)
        });
        set!(request; if_match = options.condition.etag());
        request.send().await
    };
    print(output, &*session.call(call).await?)
}

fn print(output: &Output, account: &ServiceAccount) -> Result<(), Failure> {
    output.print(account, TITLES, slice::from_ref(account).iter().map(row))
}

const TITLES: [&str; 6] = ["ID", "NAME", "SCOPES", "ACTIVE", "KEYS", "VERSION"];

fn row(account: &ServiceAccount) -> [String; 6] {
    let scopes: Vec<_> = account.scopes.iter().map(ToString::to_string).collect();
    [
        account.id.to_string(),
        account.name.to_string(),
        scopes.join(" "),
        if account.is_active { "yes" } else { "no" }.to_owned(),
        account.keys.len().to_string(),
        account.version.to_string(),
    ]
}
