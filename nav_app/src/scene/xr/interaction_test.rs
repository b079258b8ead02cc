//! What a wearer's hands may and may not do.

use bevy::math::{Quat, Vec2, Vec3};
use bevy::prelude::Transform;

use super::interaction::{Hand, Holding, Input, Interaction, Mode};

const HEAD: Transform = Transform::from_xyz(0.0, 1.6, 0.0);
const FRAME_S: f32 = 0.02;

fn begun(mode: Mode) -> Interaction {
    Interaction::new(mode, &HEAD, Transform::from_xyz(0.235, 0.0, 0.03), Vec2::new(0.14, 0.18))
}

fn at(x: f32, y: f32, z: f32) -> Hand {
    Hand { grip: Some(Transform::from_xyz(x, y, z)), ..Hand::default() }
}

fn closed(hand: Hand) -> Hand {
    Hand { grab: 1.0, ..hand }
}

fn step(interaction: &mut Interaction, left: Hand, right: Hand) -> Vec2 {
    interaction.step(&Input { hands: [left, right], head: HEAD, wants_centre: false, seconds: FRAME_S })
}

fn origin(interaction: &Interaction) -> Vec3 {
    interaction.placement().room(&Transform::IDENTITY).translation
}

#[test]
fn a_grabbed_scene_follows_the_hand_and_stays_level() {
    let mut scene = begun(Mode::Preview);
    let before = origin(&scene);
    step(&mut scene, Hand::default(), closed(at(-0.1, 1.4, -0.4)));
    assert_eq!(origin(&scene), before, "taking it moves nothing");
    let tilted =
        Transform::from_xyz(0.0, 1.5, -0.5).with_rotation(Quat::from_rotation_x(0.9) * Quat::from_rotation_z(0.6));
    step(&mut scene, Hand::default(), closed(Hand { grip: Some(tilted), ..Hand::default() }));
    let up = scene.placement().room(&Transform::from_translation(Vec3::Y)).translation - origin(&scene);
    assert!((up - Vec3::Y).length() < 1e-5, "tilting a hand must not tilt the horizon: {up}");
    // Without a turn, it goes where the hand goes.
    let mut scene = begun(Mode::Preview);
    step(&mut scene, Hand::default(), closed(at(-0.1, 1.4, -0.4)));
    step(&mut scene, Hand::default(), closed(at(0.0, 1.5, -0.5)));
    assert!((origin(&scene) - before - Vec3::new(0.1, 0.1, -0.1)).length() < 1e-5);
    step(&mut scene, Hand::default(), at(0.0, 1.5, -0.5));
    step(&mut scene, Hand::default(), at(0.5, 1.0, 0.0));
    assert!((origin(&scene) - before - Vec3::new(0.1, 0.1, -0.1)).length() < 1e-5, "let go, it stays");
}

#[test]
fn two_hands_size_the_scene_within_bounds_and_one_may_let_go() {
    let mut scene = begun(Mode::Preview);
    let hands = |half: f32| (closed(at(-half - 0.2, 1.5, -0.4)), closed(at(half - 0.2, 1.5, -0.4)));
    let (left, right) = hands(0.1);
    step(&mut scene, left, right);
    let (left, right) = hands(0.2);
    step(&mut scene, left, right);
    assert!((scene.placement().scale() - 2.0).abs() < 1e-5);
    step(&mut scene, left, Hand { grab: 0.0, ..right });
    assert!((scene.placement().scale() - 2.0).abs() < 1e-5, "no jump when a hand lets go");
    let (left, right) = hands(0.02);
    step(&mut scene, left, right);
    let (left, right) = hands(3.0);
    step(&mut scene, left, right);
    assert!(scene.placement().scale() <= 4.0 + 1e-4);
}

#[test]
fn in_guidance_a_grab_moves_nothing_and_is_refused() {
    let mut scene = begun(Mode::Guidance);
    let before = *scene.placement();
    let panel = *scene.panel();
    step(&mut scene, closed(at(-0.3, 1.4, -0.4)), closed(at(-0.1, 1.4, -0.4)));
    assert_eq!(scene.holding(), [Holding::Refused; 2]);
    step(&mut scene, closed(at(-0.6, 1.2, -0.2)), closed(at(0.2, 1.6, -0.2)));
    assert_eq!((*scene.placement(), *scene.panel()), (before, panel));
    assert_eq!(scene.tally().refused, 2);
}

#[test]
fn the_slices_can_be_moved_but_not_out_of_reach() {
    let mut scene = begun(Mode::Guidance);
    let place = scene.panel().translation;
    let [x, y, z] = place.to_array();
    step(&mut scene, Hand::default(), closed(at(x, y, z)));
    assert_eq!(scene.holding()[1], Holding::Panel);
    assert_eq!(scene.panel().translation, place, "taking them moves nothing");
    for away in [Vec3::new(9.0, 0.0, 0.0), Vec3::new(0.0, -5.0, 9.0), Vec3::new(0.0, 9.0, -9.0), -place] {
        let to = place + away;
        step(&mut scene, Hand::default(), closed(at(to.x, to.y, to.z)));
        let offset = scene.panel().translation - HEAD.translation;
        let flat = Vec2::new(offset.x, offset.z).length();
        assert!(
            (0.39..0.81).contains(&flat) && offset.z < 0.0 && (-0.26..0.21).contains(&offset.y),
            "{away}: {offset}"
        );
        assert!(offset.x.abs().atan2(-offset.z) < 0.61, "out of view: {offset}");
        let front = scene.panel().rotation * Vec3::Z;
        let towards = -Vec3::new(offset.x, 0.0, offset.z).normalize();
        assert!(front.dot(towards) > 0.999, "upright, towards the wearer: {front}");
    }
}

#[test]
fn a_hand_that_is_not_seen_lets_go_and_takes_anew_where_it_appears() {
    let mut scene = begun(Mode::Preview);
    step(&mut scene, Hand::default(), closed(at(-0.1, 1.4, -0.4)));
    let before = origin(&scene);
    step(&mut scene, Hand::default(), closed(Hand::default()));
    assert_eq!(scene.holding()[1], Holding::Nothing);
    step(&mut scene, Hand::default(), closed(at(0.5, 1.0, -0.9)));
    assert_eq!(origin(&scene), before, "the scene must not jump to where the hand came back");
    step(&mut scene, Hand::default(), closed(at(0.5, 1.1, -0.9)));
    assert!((origin(&scene) - before - 0.1 * Vec3::Y).length() < 1e-5);
    assert_eq!(scene.tally().seen, [0, 3]);
}

#[test]
fn the_trigger_brings_a_plane_moves_it_and_takes_it_away() {
    let mut scene = begun(Mode::Guidance);
    let pressed = |hand: Hand| Hand { clip: 1.0, ..hand };
    step(&mut scene, Hand::default(), pressed(at(-0.1, 1.55, -0.5)));
    let first = *scene.cut().unwrap();
    // The hand stands unturned: its owner's side, +z, goes.
    assert!((first.normal - Vec3::Z).length() < 1e-5);
    let kept = |place: Vec3| first.equation().truncate().dot(place) <= first.equation().w;
    let eye = scene.placement().scene(&HEAD).translation;
    assert!(!kept(eye) && kept(first.at - 0.1 * Vec3::Z));
    step(&mut scene, Hand::default(), at(-0.1, 1.55, -0.5));
    step(&mut scene, Hand::default(), at(0.3, 1.2, -0.1));
    assert_eq!(scene.cut(), Some(&first), "let go, it stays");
    // Held longer than a tap, it goes with the hand.
    for _ in 0..20 {
        step(&mut scene, Hand::default(), pressed(at(-0.1, 1.55, -0.6)));
    }
    step(&mut scene, Hand::default(), at(-0.1, 1.55, -0.6));
    assert!((scene.cut().unwrap().at - first.at - Vec3::new(0.0, 0.0, -0.1)).length() < 1e-5);
    step(&mut scene, Hand::default(), pressed(at(-0.1, 1.55, -0.6)));
    step(&mut scene, Hand::default(), at(-0.1, 1.55, -0.6));
    assert_eq!(scene.cut(), None, "a tap takes it away");
}

#[test]
fn the_stick_changes_the_window_and_a_worn_one_at_rest_does_not() {
    let mut scene = begun(Mode::Guidance);
    let stick = |x, y| Hand { stick: Vec2::new(x, y), ..at(0.0, 1.4, -0.4) };
    assert_eq!(step(&mut scene, stick(0.1, -0.1), Hand::default()), Vec2::ZERO);
    let change = step(&mut scene, stick(1.0, 0.0), stick(0.0, -1.0));
    assert!(change.x > 0.0 && change.y < 0.0 && change.x == -change.y);
}

#[test]
fn centring_brings_scene_and_slices_back_whatever_a_hand_holds() {
    let mut scene = begun(Mode::Preview);
    step(&mut scene, Hand::default(), closed(at(-0.1, 1.4, -0.4)));
    step(&mut scene, Hand::default(), closed(at(2.0, 1.4, -0.4)));
    let hands = [Hand::default(), closed(at(2.0, 1.4, -0.4))];
    scene.step(&Input { hands, head: HEAD, wants_centre: true, seconds: FRAME_S });
    let fresh = begun(Mode::Preview);
    assert_eq!((scene.placement(), scene.panel()), (fresh.placement(), fresh.panel()));
}
