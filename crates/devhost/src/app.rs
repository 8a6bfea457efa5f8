//! The application: its components compiled and linked, and its routes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use wasmtime::component::{Component as Code, HasSelf, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::{postgres, redis, variables};
use crate::instance::{Component, Instance};
use crate::manifest::{self, Manifest, StaticResponse};
use crate::postgres::Pools;
use crate::routes::Routes;
use crate::variables::Variables;
use crate::worker::Workers;

/// Target of a route.
pub enum Destination {
    /// The instances of a component.
    Component(ProxyHandler<Workers>),
    /// A response without a component.
    Static(StaticResponse),
}

/// A loaded application.
pub struct App {
    /// Destinations by path.
    pub routes: Routes<Destination>,
    /// Body of `/.well-known/spin/info`, JSON.
    pub info: String,
    origin: Arc<OnceLock<SocketAddr>>,
}

impl App {
    /// Compiles and links the components of a manifest.
    ///
    /// # Errors
    /// Returns an error if a variable, a file, an import or a route is missing or wrong; the text names
    /// the component.
    pub fn load(
        engine: &Engine,
        manifest: &Manifest,
        given_variables: &[(String, String)],
    ) -> Result<Self> {
        let variables = Variables::resolve(manifest, given_variables)?;
        let linker = linker(engine)?;
        let origin = Arc::default();
        let load = |id: &str, declared: &manifest::Component| {
            let component = component(&variables, id, declared, &origin)
                .with_context(|| format!("component `{id}`"))?;
            load_component(&linker, manifest, component, declared)
                .with_context(|| format!("component `{id}`"))
        };
        let handlers = thread::scope(|scope| {
            let threads: Vec<_> = manifest
                .components
                .iter()
                .map(|(id, declared)| (id, scope.spawn(move || load(id, declared))))
                .collect();
            threads
                .into_iter()
                .map(|(id, thread)| {
                    let loaded = thread
                        .join()
                        .map_err(|_| anyhow!("loading `{id}` panicked"))?;
                    Ok((id.as_str(), ProxyHandler::new(loaded?)))
                })
                .collect::<Result<BTreeMap<_, _>>>()
        })?;
        let routes = manifest.triggers().map(|trigger| {
            let destination = match (&trigger.static_response, &trigger.component) {
                (Some(response), _) => Destination::Static(response.clone()),
                (None, Some(id)) => {
                    let handler = handlers.get(id.as_str()).context("no such component")?;
                    Destination::Component(handler.clone())
                }
                (None, None) => bail!("route `{}` has no destination", trigger.route),
            };
            Ok((trigger.route.clone(), destination))
        });
        let mut info = json!({ "name": manifest.application.name });
        if let (Some(version), Some(fields)) = (&manifest.application.version, info.as_object_mut())
        {
            fields.insert("version".to_owned(), json!(version));
        }
        Ok(Self {
            routes: Routes::new(routes.collect::<Result<Vec<_>>>()?)?,
            info: serde_json::to_string_pretty(&info)?,
            origin,
        })
    }

    /// Sets the address of the application, for the requests of its components to itself.
    pub fn serves_at(&self, address: SocketAddr) {
        // An application has one port: a second call changes nothing.
        let _ = self.origin.set(address);
    }
}

fn component(
    variables: &Variables,
    id: &str,
    declared: &manifest::Component,
    origin: &Arc<OnceLock<SocketAddr>>,
) -> Result<Component> {
    Ok(Component {
        id: id.to_owned(),
        variables: variables.of_component(&declared.variables)?,
        environment: declared.environment.clone().into_iter().collect(),
        allowed_hosts: AllowedHosts::parse(&declared.allowed_outbound_hosts, variables)?,
        pools: Pools::default(),
        origin: origin.clone(),
    })
}

/// Creates the engine, which compiles and runs components; `cache` is a folder for compiled code. The
/// engine runs up to `instances` at once, over all components, each on its own stack. What decides the
/// cost of a call and of an instance is set as in Spin: checks of the epoch, and memory that stays mapped
/// after an instance.
///
/// # Errors
/// Returns an error if the folder or the machine does not allow it.
pub fn engine(cache: Option<&Path>, instances: u32) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    if let Some(folder) = cache {
        let folder = std::path::absolute(folder)?;
        let mut settings = CacheConfig::new();
        settings.with_directory(folder);
        config.cache(Some(Cache::new(settings)?));
    }
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(8 * instances)
        .total_memories(instances)
        .total_tables(4 * instances)
        .total_stacks(instances)
        .table_elements(100_000)
        .max_memories_per_component(8)
        .max_tables_per_component(32)
        .max_core_instances_per_component(64)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
        .or_else(|error| {
            // A limit on address space forbids the pool's reservation; memory on demand works, too, but
            // is slower.
            tracing::warn!("cannot create a pool of instances: {error:#}");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        })
        .map_err(Into::into)
}

/// Everything that a component may import.
fn linker(engine: &Engine) -> Result<Linker<Instance>> {
    type Data = HasSelf<Instance>;
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    postgres::add_to_linker::<_, Data>(&mut linker, |instance| instance)?;
    redis::add_to_linker::<_, Data>(&mut linker, |instance| instance)?;
    variables::add_to_linker::<_, Data>(&mut linker, |instance| instance)?;
    Ok(linker)
}

fn load_component(
    linker: &Linker<Instance>,
    manifest: &Manifest,
    component: Component,
    declared: &manifest::Component,
) -> Result<Workers> {
    let source = manifest.root.join(&declared.source);
    if !source.is_file() {
        let build = declared
            .build
            .as_ref()
            .map_or("its build command", |build| &build.command);
        bail!("{} does not exist; run `{build}` first", source.display());
    }
    let code = Code::from_file(linker.engine(), &source)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("cannot compile {}", source.display()))?;
    let linked = linker
        .instantiate_pre(&code)
        .map_err(anyhow::Error::from)
        .context("the component imports an interface that this host does not provide")?;
    let service = ServicePre::new(linked)
        .map_err(anyhow::Error::from)
        .context("the component does not export wasi:http/handler@0.3.0 (build with spin-sdk 7)")?;
    Ok(Workers {
        engine: linker.engine().clone(),
        component: Arc::new(component),
        service,
    })
}
