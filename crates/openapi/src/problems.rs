//! Problems of each endpoint's use case, besides those of its access_control and its extractors.

use accounts::Error;
use accounts::password::service::unusable_token;
use web::Problem;
use web::auth::endpoints::Endpoint;

/// Returns the problems that the handler's use case can end in. The black-box suites fail on a response that
/// is missing here, because they validate every response against the document.
pub fn of_use_case(endpoint: Endpoint) -> Vec<Problem> {
    let errors = match endpoint {
        Endpoint::CreateUser => vec![Error::EmailTaken, Error::Busy],
        Endpoint::GetUser
        | Endpoint::EndUserSessions
        | Endpoint::EndSession
        | Endpoint::ServerMetadata => vec![Error::NotFound],
        Endpoint::CreateResetToken => return confirmed(vec![Error::NotFound]),
        Endpoint::UpdateUser => {
            return confirmed(vec![
                Error::NotFound,
                Error::EmailTaken,
                Error::LastAdmin,
                Error::Forbidden,
            ]);
        }
        Endpoint::DeleteUser => return confirmed(vec![Error::NotFound, Error::LastAdmin]),
        Endpoint::ExportUsers => return vec![users::routes::export::hashes_disabled()],
        Endpoint::UpdateMe => vec![Error::EmailTaken, too_many(), Error::Busy],
        Endpoint::DeleteMe => vec![Error::LastAdmin, too_many(), Error::Busy],
        Endpoint::ChangePassword => vec![too_many(), Error::Busy],
        Endpoint::Register => vec![
            Error::NotFound,
            Error::EmailTaken,
            Error::Busy,
            unavailable(),
        ],
        Endpoint::Login => vec![Error::WrongPassword, too_many(), Error::Busy, unavailable()],
        Endpoint::TokenForm => {
            let problems = [
                Error::NotFound,
                Error::WrongPassword,
                too_many(),
                Error::Busy,
                unavailable(),
            ];
            return problems
                .map(|error| Problem::from(error).into_oauth())
                .to_vec();
        }
        Endpoint::Refresh => vec![Error::BadRefreshToken, unavailable()],
        Endpoint::ResetPassword => vec![unusable_token(), Error::Busy, unavailable()],
        Endpoint::Ready | Endpoint::Metrics => vec![unavailable()],
        _ => vec![],
    };
    errors.into_iter().map(Problem::from).collect()
}

/// Returns the problems of an endpoint that requires an admin's password: `errors` and the check's.
fn confirmed(mut errors: Vec<Error>) -> Vec<Problem> {
    errors.extend([too_many(), Error::Busy]);
    let mut problems: Vec<_> = errors.into_iter().map(Problem::from).collect();
    problems.push(Problem::use_users_me());
    problems
}

fn too_many() -> Error {
    Error::TooManyAttempts(30)
}

fn unavailable() -> Error {
    Error::Unavailable("a store does not respond".into())
}
