//! Rules for environments, one concern per module. A check reports the problems of one environment;
//! none needs a cluster.

pub mod admission;
pub mod alerts;
pub mod connections;
pub mod core_kinds;
pub mod dashboards;
pub mod deployer;
pub mod edge;
pub mod egress;
pub mod identity;
pub mod images;
pub mod ingress;
pub mod migrations;
pub mod policies;
pub mod probes;
pub mod references;
pub mod resources;
pub mod rotation;
pub mod routes;
pub mod scaling;
pub mod schemas;
pub mod scripts;
pub mod secrets;
pub mod selectors;
pub mod variables;

use crate::environment::Environment;
use crate::finding::Finding;

pub type Check = fn(&Environment) -> Vec<Finding>;

/// All checks of a single environment. `core_kinds` is not included: it runs a program, once for
/// all environments.
pub const ALL: [(&str, Check); 23] = [
    ("admission", admission::check),
    ("alerts", alerts::check),
    ("connections", connections::check),
    ("dashboards", dashboards::check),
    ("deployer", deployer::check),
    ("edge", edge::check),
    ("egress", egress::check),
    ("identity", identity::check),
    ("images", images::check),
    ("ingress", ingress::check),
    ("migrations", migrations::check),
    ("policies", policies::check),
    ("probes", probes::check),
    ("references", references::check),
    ("resources", resources::check),
    ("rotation", rotation::check),
    ("routes", routes::check),
    ("scaling", scaling::check),
    ("schemas", schemas::check),
    ("scripts", scripts::check),
    ("secrets", secrets::check),
    ("selectors", selectors::check),
    ("variables", variables::check),
];
