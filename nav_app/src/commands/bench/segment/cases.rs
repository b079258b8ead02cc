//! Which networks are measured at which sizes.

use std::fmt;

use anyhow::{Result, bail};
use kernels::architectures::{self, Entry};

/// A network and the size of its image.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The network.
    pub network: &'static Entry,
    /// `[z, y, x]`.
    pub dims: [usize; 3],
}

impl Case {
    /// `64x64x64`.
    pub fn size(&self) -> String {
        self.dims.map(|side| side.to_string()).join("x")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.network.name, self.size())
    }
}

/// Sizes other than the one in the catalogue: those with known figures of
/// other runtimes, and for the dense network those whose peers fit in the
/// memory of a usual computer, all loaded at once.
const USUAL: [(&str, &[[usize; 3]]); 3] =
    [("compact_unet", &[[64; 3], [96; 3]]), ("dense_3d_unet", &[[64; 3], [96; 3]]), ("mafu_unet", &[[64; 3]])];

fn usual_sizes(network: &Entry) -> Vec<[usize; 3]> {
    let [_, z, y, x] = network.input;
    USUAL.iter().find(|(name, _)| *name == network.name).map_or(vec![[z, y, x]], |(_, sizes)| sizes.to_vec())
}

/// What to measure: `networks` by name or beginning of a name (all when
/// empty) at `sizes` (the usual ones when empty; a network for pictures
/// keeps its one slice).
///
/// # Errors
/// When a name fits no network or several.
pub fn choose(networks: &[String], sizes: &[[usize; 3]]) -> Result<Vec<Case>> {
    let chosen: Vec<&Entry> = match networks {
        [] => architectures::list().iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    let mut cases = Vec::new();
    for network in chosen {
        let is_flat = network.input[1] == 1;
        let fitted = sizes.iter().map(|&[z, y, x]| [if is_flat { 1 } else { z }, y, x]);
        let sizes = if sizes.is_empty() { usual_sizes(network) } else { fitted.collect() };
        cases.extend(sizes.into_iter().map(|dims| Case { network, dims }));
    }
    Ok(cases)
}

fn find(name: &str) -> Result<&'static Entry> {
    let all = architectures::list();
    let begins: Vec<&Entry> = all.iter().filter(|known| !name.is_empty() && known.name.starts_with(name)).collect();
    let names = |entries: &[&Entry], by: &str| entries.iter().map(|e| e.name).collect::<Vec<_>>().join(by);
    match (architectures::by_name(name), begins.as_slice()) {
        (Some(known), _) => Ok(known),
        (None, [known]) => Ok(known),
        (None, []) => {
            bail!("no network is called {name:?}; there are {}", names(&all.iter().collect::<Vec<_>>(), ", "))
        }
        (None, several) => bail!("{name:?} can be {}; write more of the name", names(several, " or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Result<&'static str> {
        find(name).map(|entry| entry.name)
    }

    #[test]
    fn a_beginning_is_enough_when_it_is_unique() {
        assert_eq!(found("unet").ok(), Some("unet_2d"));
        assert_eq!(found("nnunet_plain").ok(), Some("nnunet_plain"));
        let text = found("nnunet").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("nnunet_plain or nnunet_residual"), "{text}");
        let text = found("resnet").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains("compact_unet, ") || text.contains(", compact_unet"), "{text}");
        assert!(found("").is_err());
    }

    #[test]
    fn networks_for_pictures_keep_one_slice() {
        let cases = choose(&["unet_2d".to_owned()], &[[64; 3]]).unwrap();
        assert_eq!(cases.iter().map(Case::size).collect::<Vec<_>>(), ["1x64x64"]);
    }

    #[test]
    fn sizes_are_those_of_networks_that_exist() {
        assert!(USUAL.iter().all(|(name, sizes)| architectures::by_name(name).is_some() && !sizes.is_empty()));
        assert!(choose(&[], &[]).unwrap().len() >= architectures::list().len());
    }
}
