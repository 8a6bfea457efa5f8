//! Roster's public keys, and the verification of access tokens with them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Ed25519PublicKey, EdDSAPublicKeyLike, Token, VerificationOptions};
use roster_client::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use crate::Refusal;

const ISSUER: &str = "roster"; // jwt_issuer
const AUDIENCE: &str = "roster-api"; // jwt_audience

/// Time for which a key set is used.
const LIFETIME: Duration = Duration::from_secs(300);
/// Least time between two requests for the key set: anybody can send tokens with unknown key ids.
const LEAST_INTERVAL: Duration = Duration::from_secs(30);

/// Claims besides the registered ones.
#[derive(Serialize, Deserialize)]
struct Claims {
    sid: String,
}

/// The cached key set.
pub struct Keys {
    api: Client,
    cached: RwLock<Option<Cached>>,
}

struct Cached {
    keys: HashMap<String, Arc<Ed25519PublicKey>>,
    at: Instant,
}

impl Keys {
    pub fn new(api: Client) -> Self {
        Self {
            api,
            cached: RwLock::new(None),
        }
    }

    /// Returns the id of the user whom the token names.
    pub async fn verify(&self, token: &str) -> Result<String, Refusal> {
        let metadata = Token::decode_metadata(token).map_err(|_| Refusal::Invalid)?;
        let id = metadata.key_id().ok_or(Refusal::Invalid)?;
        let key = self.key(id).await?.ok_or(Refusal::Invalid)?;
        let options = VerificationOptions {
            required_signature_type: Some("at+jwt".into()),
            allowed_issuers: Some(HashSet::from([ISSUER.into()])),
            allowed_audiences: Some(HashSet::from([AUDIENCE.into()])),
            time_tolerance: Some(jwt_simple::prelude::Duration::from_secs(60)),
            ..VerificationOptions::default()
        };
        let claims = key.verify_token::<Claims>(token, Some(options));
        let claims = claims.map_err(|_| Refusal::Invalid)?;
        let has_times = claims.expires_at.is_some() && claims.invalid_before.is_some();
        claims
            .subject
            .filter(|_| has_times && !claims.custom.sid.is_empty())
            .ok_or(Refusal::Invalid)
    }

    /// Returns the key with this id; requests the key set again if it is too old or lacks the key.
    async fn key(&self, id: &str) -> Result<Option<Arc<Ed25519PublicKey>>, Refusal> {
        if let Some(cached) = &*self.cached.read().await
            && let Some(found) = cached.find(id)
        {
            return Ok(found);
        }
        let mut cached = self.cached.write().await;
        // Another request may have renewed it meanwhile.
        if let Some(found) = cached.as_ref().and_then(|cached| cached.find(id)) {
            return Ok(found);
        }
        let set = self.api.jwks().send().await.map_err(Refusal::unavailable)?;
        let keys = set.into_inner().keys.into_iter();
        let keys = keys.filter_map(|key| {
            let bytes = URL_SAFE_NO_PAD.decode(key.x).ok()?;
            let public = Ed25519PublicKey::from_bytes(&bytes).ok()?;
            Some((key.kid, Arc::new(public)))
        });
        let fresh = cached.insert(Cached {
            keys: keys.collect(),
            at: Instant::now(),
        });
        Ok(fresh.keys.get(id).cloned())
    }
}

impl Cached {
    /// Returns the key, or that there is none; `None` if the key set has to be requested to know.
    fn find(&self, id: &str) -> Option<Option<Arc<Ed25519PublicKey>>> {
        let age = self.at.elapsed();
        let key = self.keys.get(id).filter(|_| age < LIFETIME);
        (key.is_some() || age < LEAST_INTERVAL).then(|| key.cloned())
    }
}
