//! Every network kernel once, on the smallest image that needs it: what
//! `cuda/sanitize.sh` runs, where a kernel takes a hundred times longer.

use kernels::graph::{Activation, Conv, GraphBuilder, NodeId, UpsampleKind};

use crate::check::check_once;

fn every_kernel(g: &mut GraphBuilder, x: NodeId) -> Vec<NodeId> {
    let fine = g.conv(x, "planar", Conv::new(16, [3; 3]));
    let fine = g.instance_norm(fine, "norm", 1e-5);
    let fine = g.activate(fine, Activation::LeakyRelu { slope: 0.01 });
    let fine = g.conv(fine, "tile", Conv::new(16, [3; 3]));
    let coarse = g.conv(fine, "gather", Conv::new(17, [3; 3]).stride([2; 3]));
    let up = g.conv_transpose(coarse, "scatter", 16, [2; 3], true);
    let pooled = g.max_pool(fine, [2; 3], [2; 3], [0; 3]);
    let pooled = g.instance_norm(pooled, "pooled", 1e-5);
    let linear = g.upsample(pooled, [2; 3], UpsampleKind::Linear);
    let sum = g.add(up, linear);
    let joined = g.concat(&[fine, sum]);
    let split = g.conv(joined, "split", Conv::new(16, [3; 3]));
    let split = g.instance_norm(split, "last", 1e-5);
    let padded = g.pad(split, [0, 0, 1], [0, 0, 1]);
    let logits = g.conv(padded, "head", Conv::new(3, [1; 3]));
    let softmax = g.softmax(logits);
    vec![sum, softmax]
}

#[test]
fn every_network_kernel_in_order() {
    check_once(0, [1, 2, 8, 8], every_kernel);
}

#[test]
fn every_network_kernel_reversed() {
    check_once(1, [1, 2, 8, 8], every_kernel);
}
