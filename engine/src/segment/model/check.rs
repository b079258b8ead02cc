//! Cards that make no sense are refused, with what they say and what they could.

use super::ModelError;
use super::card::{InputChannel, Mode, ModelCard, OutputActivation, Preprocessing, Role, join};
use super::network::{OWN_KINDS, PUBLISHED_KINDS};
use crate::level::Level;

/// Classes of the network that sees three vertebrae in a window.
pub const WINDOW_CLASSES: [&str; 4] = ["background", "above", "centre", "below"];

/// Refuses a card whose entries make no sense, alone or together.
///
/// # Errors
/// [`ModelError::Content`] with the entry.
pub fn check(card: &ModelCard) -> Result<(), ModelError> {
    let complaint = network(card).or_else(|| purpose(card)).or_else(|| running(card)).or_else(|| input(card));
    complaint.map_or(Ok(()), |text| Err(ModelError::Content(text)))
}

fn network(card: &ModelCard) -> Option<String> {
    let architecture = &card.architecture;
    let kind = architecture.kind.as_str();
    let is_published = PUBLISHED_KINDS.contains(&kind);
    if !is_published && !OWN_KINDS.contains(&kind) {
        let known = join(&[OWN_KINDS.as_slice(), &PUBLISHED_KINDS].concat());
        return Some(format!("architecture {kind:?}, but this version runs {known}"));
    }
    if (kind == "graph") != architecture.graph.is_some() {
        return Some(format!("architecture {kind:?}, and a graph belongs to kind \"graph\" alone"));
    }
    if is_published != architecture.settings.is_some() {
        return Some(format!("architecture {kind:?}, and settings belong to the published kinds, all of them"));
    }
    let (inputs, channels) = (architecture.inputs, &card.input_channels);
    (inputs != channels.len()).then(|| format!("{inputs} input channels, but names {}: {channels:?}", channels.len()))
}

fn purpose(card: &ModelCard) -> Option<String> {
    let (classes, role) = (&card.architecture.classes, card.role);
    let has_classes = match role {
        Role::Classes if !classes.iter().any(|class| class == "vertebra") => {
            return Some(format!("classes {classes:?}, without \"vertebra\""));
        }
        Role::Classes => true,
        Role::Instances => classes.iter().map(String::as_str).eq(WINDOW_CLASSES),
        Role::HeatMap => classes.len() == 1,
        Role::LumbarLevels => {
            let levels = || classes.iter().skip(1).map(|name| Level::from_name(name));
            classes.len() > 1 && levels().all(|level| level.is_some()) && levels().is_sorted()
        }
    };
    if !has_classes {
        return Some(format!("classes {classes:?}, which are not those of {role}"));
    }
    let channels = match role {
        Role::Instances => vec![InputChannel::Hu, InputChannel::VertebraProbability],
        _ => vec![InputChannel::Hu],
    };
    if card.input_channels != channels {
        let found = &card.input_channels;
        return Some(format!("inputs {found:?}, but a network for {role} is fed {channels:?}"));
    }
    let fits = match card.output_activation {
        OutputActivation::Softmax => classes.len() > 1,
        OutputActivation::Sigmoid => classes.len() == 1 && role == Role::Classes,
        OutputActivation::None => role == Role::HeatMap,
    };
    let activation = card.output_activation;
    (!fits).then(|| format!("output_activation {activation:?} for {} classes and {role}", classes.len()))
}

fn running(card: &ModelCard) -> Option<String> {
    let role = card.role;
    let possible: &[Mode] = match role {
        Role::Classes => &[Mode::Patches, Mode::Box128, Mode::Slabs],
        Role::Instances => &[Mode::Windows],
        Role::HeatMap | Role::LumbarLevels => &[Mode::Patches],
    };
    if let Some(mode) = card.modes.iter().find(|mode| !possible.contains(mode)) {
        return Some(format!("mode {mode}, but a network for {role} runs in {}", join(possible)));
    }
    if card.modes.contains(&Mode::Box128) && card.preprocessing.spacing_range_mm.is_none() {
        return Some("mode box128, but no spacing_range_mm: a box has voxels of whatever size it takes".into());
    }
    let needs_other = matches!(role, Role::Instances | Role::LumbarLevels);
    match &card.needs {
        None if needs_other => Some(format!("nothing under needs, but a network for {role} needs a first step")),
        Some(other) if !needs_other => Some(format!("it needs {other:?}, but a network for {role} needs no other")),
        _ => None,
    }
}

fn input(card: &ModelCard) -> Option<String> {
    let p: &Preprocessing = &card.preprocessing;
    let spacings = 0.5..=10.0;
    let range = p.spacing_range_mm.unwrap_or([p.spacing_mm; 2]);
    if p.axes != "LPS" {
        Some(format!("axes {:?}, but this version feeds \"LPS\"", p.axes))
    } else if !spacings.contains(&p.spacing_mm) {
        Some(format!("spacing_mm {}, outside 0.5 to 10", p.spacing_mm))
    } else if !(range[0] <= p.spacing_mm && p.spacing_mm <= range[1] && range.iter().all(|mm| spacings.contains(mm))) {
        Some(format!("spacing_range_mm {range:?}, which is no range around {} within 0.5 to 10", p.spacing_mm))
    } else if !(p.scale_hu.is_finite() && p.scale_hu > 0.0 && p.clamp_hu[0] < p.clamp_hu[1] && p.offset_hu.is_finite())
    {
        let (clamp, offset, scale) = (p.clamp_hu, p.offset_hu, p.scale_hu);
        Some(format!("clamp_hu {clamp:?}, offset_hu {offset}, scale_hu {scale}, which is no scaling"))
    } else if !(0.01..=0.99).contains(&card.vertebra_threshold) {
        Some(format!("vertebra_threshold {}, outside 0.01 to 0.99", card.vertebra_threshold))
    } else {
        None
    }
}
