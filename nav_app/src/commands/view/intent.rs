//! Asks the engine for something, once. Needs the key of its session.

use engine::stream::wire::ViewerWire;
use engine::stream::{IntentKey, ViewerIntent};
use serde_json::json;

use super::description;
use crate::cli::ViewArguments;
use crate::commands::engine::blame;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Sends the intent that `text` names and tells whether the engine took it.
pub fn send(options: &ViewArguments, viewer: &ViewerWire, text: &str) -> Result<Output, Failure> {
    let intent = parse(text)?;
    let file = options.intent_key.as_ref().ok_or_else(|| anyhow::anyhow!("an intent needs --intent-key FILE"));
    let file = file.map_err(Failure::WrongUse)?;
    let key = IntentKey::read(file).map_err(|e| anyhow::anyhow!("{}: {e}", file.display())).bad_input()?;
    description(viewer)?;
    viewer.send(intent, &key).map_err(blame)?;
    let json = json!({ "intent": text, "accepted": true });
    Ok(Output { json, text: format!("The engine has taken: {text}"), is_refused: false })
}

fn parse(text: &str) -> Result<ViewerIntent, Failure> {
    let landmark = text.strip_prefix("check-landmark=").and_then(|place| {
        let mm: Option<Vec<f64>> = place.split(',').map(|number| number.trim().parse().ok()).collect();
        let mm: [f64; 3] = mm?.try_into().ok()?;
        Some(ViewerIntent::CheckLandmark(mm.into()))
    });
    match text {
        _ if landmark.is_some() => landmark,
        "acknowledge-tools" => Some(ViewerIntent::AcknowledgeTools),
        "withdraw-registration" => Some(ViewerIntent::WithdrawRegistration),
        "reference-changed" => Some(ViewerIntent::ReferenceChanged),
        "tool-geometry-changed" => Some(ViewerIntent::ToolGeometryChanged),
        "stop" => Some(ViewerIntent::Stop),
        _ => None,
    }
    .ok_or_else(|| Failure::WrongUse(anyhow::anyhow!("{text:?} is no intent; `spinenav view --help` lists them")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_are_read_and_others_refused() {
        assert_eq!(parse("stop").ok(), Some(ViewerIntent::Stop));
        let landmark = ViewerIntent::CheckLandmark([1.0, -2.5, 3.0].into());
        assert_eq!(parse("check-landmark=1,-2.5,3").ok(), Some(landmark));
        for wrong in ["", "check-landmark=1,2", "check-landmark=1,2,3,4", "check-landmark=1,2,x", "registered"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
