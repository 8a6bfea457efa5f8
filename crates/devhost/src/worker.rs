//! Lifetime of an instance and the requests that it takes: Spin's default limits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as Time};

use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance as WorkerInstance, Proxy, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::instance::{Component, Instance};

/// Requests per instance in its lifetime.
const USES: usize = 128;
/// Concurrent requests per instance.
const USES_AT_ONCE: usize = 16;
/// Lifetime of an instance without a request.
const IDLE: Duration = Duration::from_secs(1);

/// Creates the instances of one component.
pub struct Workers {
    /// The engine of the host.
    pub engine: Engine,
    /// State that the instances share.
    pub component: Arc<Component>,
    /// The compiled and linked component.
    pub service: ServicePre<Instance>,
}

impl HandlerState for Workers {
    type StoreData = Instance;
    type WorkerExpiration = Expiration;
    type WorkerState = Limits;

    async fn instantiate(&self) -> wasmtime::Result<WorkerInstance<Instance, Expiration, Limits>> {
        let mut store = Store::new(&self.engine, Instance::new(self.component.clone()));
        // No epoch ends an instance: nothing advances it.
        store.set_epoch_deadline(u64::MAX / 2);
        let proxy = Proxy::P3(self.service.instantiate_async(&mut store).await?);
        Ok(WorkerInstance {
            store,
            proxy,
            view: Instance::http,
            expiration: Expiration {
                sleep: Box::pin(tokio::time::sleep(IDLE)),
            },
            state: Limits {
                component: self.component.clone(),
            },
        })
    }
}

/// Ends an idle instance. A busy one has no limit: deadlines are up to the guest.
pub struct Expiration {
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Time,
    ) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let deadline = (start + IDLE).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// Limits of one instance.
pub struct Limits {
    component: Arc<Component>,
}

impl WorkerState for Limits {
    type StoreData = Instance;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= USES {
            ShouldAccept::Never
        } else if concurrent >= USES_AT_ONCE {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Instance>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<Instance>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result {
            let id = &self.component.id;
            tracing::error!("an instance of component `{id}` failed: {error:#}");
        }
        drop(store);
    }
}
