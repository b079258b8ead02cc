//! Small pieces the screen is made of.
//!
//! Lengths are design pixels of a 1080 pixel high screen, times a scale, so
//! that the same pieces serve the desktop and the panel in the headset.

use bevy::prelude::*;

use super::palette;

/// A rectangle in design pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Area {
    /// From its left, top, width and height.
    #[must_use]
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// An absolutely placed node, clipped, `scale` times the design size.
    #[must_use]
    pub fn node(self, scale: f32) -> Node {
        Node {
            position_type: PositionType::Absolute,
            left: px(self.x * scale),
            top: px(self.y * scale),
            width: px(self.width * scale),
            height: px(self.height * scale),
            overflow: Overflow::clip(),
            ..default()
        }
    }
}

/// A node placed by its top left corner, as large as its content.
#[must_use]
pub fn at(x: f32, y: f32) -> Node {
    Node { position_type: PositionType::Absolute, left: px(x), top: px(y), ..default() }
}

/// Text of a size and colour.
#[must_use]
pub fn text(content: impl Into<String>, size: f32, color: Color) -> (Text, TextFont, TextColor, TextLayout) {
    let layout = TextLayout::new(Justify::Left, LineBreak::NoWrap);
    (Text::new(content), TextFont::from_font_size(FontSize::Px(size)), TextColor(color), layout)
}

/// Lines of text on a chip over the 3-D view, above the spine, `top` pixels from its edge.
#[must_use]
pub fn note(top: f32) -> (Node, BackgroundColor) {
    let place = Node {
        position_type: PositionType::Absolute,
        left: px(15.0),
        top: px(top),
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(10.0), px(6.0)),
        row_gap: px(4.0),
        ..default()
    };
    (place, chip())
}

/// A dark chip that keeps text legible over anything.
#[must_use]
pub fn chip() -> BackgroundColor {
    BackgroundColor(palette::BACKGROUND.with_alpha(0.72))
}
