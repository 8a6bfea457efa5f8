//! Problems of each endpoint's use case, besides those of its access_control and its extractors.

use accounts::Error;
use accounts::password::service::unusable_token;
use web::Problem;
use web::auth::endpoints::Endpoint;

/// Returns the problems that the handler's use case can end in. The black-box suites fail on a response that
/// is missing here, because they validate every response against the document.
pub fn of_use_case(endpoint: Endpoint) -> Vec<Problem> {
    let errors = match endpoint {
        Endpoint::CreateUser => {
            let errors = [Error::EmailTaken, Error::Busy];
            let problems = errors.into_iter().map(Problem::from);
            return problems.chain([Problem::users_only()]).collect();
        }
        Endpoint::GetUser
        | Endpoint::EndUserSessions
        | Endpoint::EndSession
        | Endpoint::GetServiceAccount
        | Endpoint::DeleteServiceAccount
        | Endpoint::DeleteApiKey
        | Endpoint::ServerMetadata => vec![Error::NotFound],
        Endpoint::CreateResetToken => return confirmed(vec![Error::NotFound]),
        Endpoint::UpdateUser => {
            let mut problems = confirmed(vec![
                Error::NotFound,
                Error::EmailTaken,
                Error::LastAdmin,
                Error::Forbidden,
            ]);
            problems.push(Problem::users_only());
            return problems;
        }
        Endpoint::DeleteUser => return confirmed(vec![Error::NotFound, Error::LastAdmin]),
        Endpoint::ExportUsers => {
            let disabled = users::routes::export::hashes_disabled();
            return vec![disabled, Problem::users_only()];
        }
        Endpoint::ReadEvents => vec![Error::FeedRestart],
        Endpoint::CreateServiceAccount => vec![Error::NameTaken],
        Endpoint::UpdateServiceAccount => vec![Error::NotFound, Error::NameTaken],
        Endpoint::CreateApiKey => vec![Error::NotFound, Error::TooManyKeys],
        Endpoint::Introspect => vec![Error::invalid("token", "is missing")],
        Endpoint::UpdateMe => vec![Error::Forbidden, Error::EmailTaken, too_many(), Error::Busy],
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
                Error::invalid("username", "must have the form name@example.com"),
                too_many(),
                Error::Busy,
                unavailable(),
            ];
            let problems = problems.into_iter().map(Problem::from);
            let mut problems: Vec<_> = problems.map(Problem::into_oauth).collect();
            problems.push(Problem::unsupported_grant_type());
            return problems;
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
