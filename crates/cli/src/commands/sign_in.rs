//! `roster login`, `logout` and `whoami`.

use crate::arguments::Login;
use crate::commands::users;
use crate::failure::Failure;
use crate::output::Output;
use crate::prompt;
use crate::session::Session;

/// Signs in and stores the tokens.
pub async fn login(session: &Session, login: Login) -> Result<(), Failure> {
    let email = match login.email {
        Some(email) => email,
        None => prompt::line("Email")?,
    };
    let password = prompt::password("Password", "ROSTER_PASSWORD")?;
    let client = session.without_credentials()?;
    let tokens = client
        .login()
        .body_map(|body| body.email(&email).password(password))
        .send()
        .await?;
    session.keep(tokens.into_inner().into())?;
    eprintln!("Signed in as {email}.");
    Ok(())
}

/// Ends the session and removes its tokens, also if the session has already ended.
pub async fn logout(session: &Session) -> Result<(), Failure> {
    match session
        .call(async |client| client.logout().send().await)
        .await
    {
        Err(Failure::SignedOut(_)) => {}
        result => {
            result?;
        }
    }
    session.forget()?;
    eprintln!("Signed out.");
    Ok(())
}

/// Shows the signed-in user.
pub async fn whoami(session: &Session, output: &Output) -> Result<(), Failure> {
    let me = session
        .call(async |client| client.get_me().send().await)
        .await?;
    users::print(output, &me)
}

/// Prints the data that is stored about the signed-in user.
pub async fn my_data(session: &Session) -> Result<(), Failure> {
    let data = session
        .call(async |client| client.export_me().send().await)
        .await?;
    crate::output::json(&*data)
}
