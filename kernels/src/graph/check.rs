//! Whether a list of nodes is a network.

use super::{NetworkError, Node, Op, Output};

/// Most nodes a graph may have; the largest published network has about 300.
const MAX_NODES: usize = 10_000;

/// Most channels anywhere: keeps every product of sizes far below 2^64.
const MAX_CHANNELS: usize = 16_384;

/// Largest kernel, stride, dilation, padding and scale.
const MAX_EXTENT: usize = 64;

/// Channels of every node's result.
pub(super) fn channels(nodes: &[Node], outputs: &[Output]) -> Result<Vec<usize>, NetworkError> {
    let whole = |reason: String| NetworkError::Graph { node: "network".to_owned(), reason };
    if nodes.len() > MAX_NODES {
        return Err(whole(format!("{} nodes, at most {MAX_NODES} are allowed", nodes.len())));
    }
    let mut channels = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let found = node_channels(index, node, nodes, &channels)
            .map_err(|reason| NetworkError::Graph { node: label(index, node), reason })?;
        channels.push(found);
    }
    let inputs = nodes.iter().filter(|node| matches!(node.op, Op::Input { .. })).count();
    if inputs != 1 {
        return Err(whole(format!("{inputs} inputs, exactly 1 is needed")));
    }
    if outputs.is_empty() {
        return Err(whole("no output".to_owned()));
    }
    for (index, output) in outputs.iter().enumerate() {
        let Some(node) = nodes.get(output.node.0) else {
            return Err(whole(format!(
                "output `{}` names node {}, there are {}",
                output.name,
                output.node.0,
                nodes.len()
            )));
        };
        if matches!(node.op, Op::Input { .. }) {
            return Err(whole(format!("output `{}` is the input itself", output.name)));
        }
        if outputs[..index].iter().any(|other| other.name == output.name) {
            return Err(whole(format!("two outputs are called `{}`", output.name)));
        }
    }
    Ok(channels)
}

/// `node 12 (conv enc.0)`.
pub(super) fn label(index: usize, node: &Node) -> String {
    match &node.op {
        Op::Conv { weights, .. }
        | Op::ConvTranspose { weights, .. }
        | Op::BatchNorm { weights, .. }
        | Op::InstanceNorm { weights, .. } => format!("node {index} ({} `{weights}`)", node.op.name()),
        op => format!("node {index} ({})", op.name()),
    }
}

fn node_channels(index: usize, node: &Node, nodes: &[Node], channels: &[usize]) -> Result<usize, String> {
    if let Some(later) = node.inputs.iter().find(|id| id.0 >= index) {
        return Err(format!("reads node {}, which does not come before it", later.0));
    }
    let inputs: Vec<usize> = node.inputs.iter().map(|id| channels[id.0]).collect();
    let (least, most) = match node.op {
        Op::Input { .. } => (0, 0),
        Op::Concat => (2, 64),
        Op::Add | Op::Multiply => (2, 2),
        _ => (1, 1),
    };
    if inputs.len() < least || inputs.len() > most {
        return Err(format!("reads {} nodes, takes {least} to {most}", inputs.len()));
    }
    if node.inputs.iter().any(|id| matches!(nodes[id.0].op, Op::Softmax)) {
        return Err("reads a softmax; a softmax must be an output".to_owned());
    }
    let found = match &node.op {
        Op::Input { channels } => *channels,
        Op::Concat => inputs.iter().sum(),
        op => {
            settings(op, inputs[0])?;
            match op {
                Op::Conv { outputs, .. } | Op::ConvTranspose { outputs, .. } => *outputs,
                Op::Add | Op::Multiply if inputs[0] != inputs[1] => {
                    return Err(format!("its inputs have {} and {} channels", inputs[0], inputs[1]));
                }
                _ => inputs[0],
            }
        }
    };
    if found == 0 || found > MAX_CHANNELS {
        return Err(format!("{found} channels, 1 to {MAX_CHANNELS} are allowed"));
    }
    Ok(found)
}

fn settings(op: &Op, inputs: usize) -> Result<(), String> {
    match op {
        Op::Conv { weights, outputs, kernel, stride, padding, dilation, groups, .. } => {
            named(weights)?;
            extents("kernel", kernel, 1)?;
            extents("stride", stride, 1)?;
            extents("padding", padding, 0)?;
            extents("dilation", dilation, 1)?;
            if !inputs.is_multiple_of(*groups) || !outputs.is_multiple_of(*groups) || *groups == 0 {
                return Err(format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs"));
            }
        }
        Op::ConvTranspose { weights, kernel, .. } => {
            named(weights)?;
            extents("kernel", kernel, 1)?;
        }
        Op::Pool { kind, kernel, stride, padding } => {
            extents("kernel", kernel, 1)?;
            extents("stride", stride, 1)?;
            extents("padding", padding, 0)?;
            if padding.iter().zip(kernel).any(|(p, k)| 2 * p > *k) {
                return Err(format!("padding {padding:?} is more than half the kernel {kernel:?}"));
            }
            if *kind == super::PoolKind::Average && *padding != [0; 3] {
                return Err(format!("average pool with padding {padding:?}; only 0 is defined"));
            }
        }
        Op::BatchNorm { weights, eps } | Op::InstanceNorm { weights, eps } => {
            named(weights)?;
            if !(eps.is_finite() && *eps >= 0.0) {
                return Err(format!("eps = {eps}, must be finite and not negative"));
            }
        }
        Op::Activate { activation } => {
            if activation.slope().is_some_and(|slope| !(0.0..=1.0).contains(&slope)) {
                return Err(format!("{activation:?}: the slope must be 0 to 1"));
            }
        }
        Op::Upsample { factor, .. } => extents("factor", factor, 1)?,
        Op::Pad { before, after } => {
            extents("before", before, 0)?;
            extents("after", after, 0)?;
        }
        Op::Input { .. } | Op::Concat | Op::Add | Op::Multiply | Op::Softmax => {}
    }
    Ok(())
}

fn extents(what: &str, values: &[usize; 3], least: usize) -> Result<(), String> {
    if values.iter().all(|n| (least..=MAX_EXTENT).contains(n)) {
        return Ok(());
    }
    Err(format!("{what} = {values:?} [z, y, x], each must be {least} to {MAX_EXTENT}"))
}

fn named(weights: &str) -> Result<(), String> {
    if weights.is_empty() || weights.len() > 200 {
        return Err(format!("layer names have 1 to 200 characters, this one {}", weights.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Conv, GraphBuilder, NodeId};
    use super::*;

    fn refusal(nodes: Vec<Node>, output: usize) -> String {
        let outputs = vec![Output { name: "out".to_owned(), node: NodeId(output) }];
        super::super::Graph::new(nodes, outputs).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_node_that_reads_itself_or_later_is_refused() {
        let nodes = vec![
            Node { op: Op::Input { channels: 1 }, inputs: vec![] },
            Node { op: Op::Add, inputs: vec![NodeId(0), NodeId(1)] },
        ];
        assert!(refusal(nodes, 1).contains("node 1 (add): reads node 1"));
    }

    #[test]
    fn channels_that_differ_are_named() {
        let mut g = GraphBuilder::new();
        let x = g.input(1);
        let a = g.conv(x, "a", Conv::new(3, [1; 3]));
        let y = g.add(x, a);
        g.output("out", y);
        let text = g.build().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("(add)") && text.contains("1 and 3 channels"), "{text}");
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for conv in [
            Conv::new(usize::MAX, [3; 3]),
            Conv::new(1, [0, 1, 1]),
            Conv::new(1, [1 << 40, 1, 1]),
            Conv { stride: [0; 3], ..Conv::new(1, [1; 3]) },
            Conv { groups: 2, ..Conv::new(2, [1; 3]) },
        ] {
            let mut g = GraphBuilder::new();
            let x = g.input(1);
            let y = g.conv(x, "layer", conv);
            g.output("out", y);
            assert!(g.build().is_err());
        }
    }
}
