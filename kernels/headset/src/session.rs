//! The session: its states, its frames, what the eyes look at, where the hands are.

use openxr::{Event, ReferenceSpaceType, SessionState, ViewConfigurationType, ViewStateFlags};

use crate::eye_buffers::EyeBuffer;
use crate::hands::{Actions, Hands};
use crate::runtime::{Found, find};
use crate::{Doing, Graphics, HeadsetError};

const STEREO: ViewConfigurationType = ViewConfigurationType::PRIMARY_STEREO;

/// What is asked of the runtime.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadsetSettings {
    /// Resolution of an eye, times what the runtime recommends.
    pub resolution: f32,
    /// Blend with the room where the headset can.
    pub see_through: bool,
}

impl Default for HeadsetSettings {
    /// As recommended, opaque.
    fn default() -> Self {
        Self { resolution: 1.0, see_through: false }
    }
}

/// What the wearer sees of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeadsetState {
    /// Nothing: the headset is off, asleep, or another program has it.
    #[default]
    Asleep,
    /// Frames are taken and not shown.
    Hidden,
    /// Shown, without its controllers.
    Visible,
    /// Shown, with its controllers.
    Focused,
    /// The wearer or the runtime ended the program.
    Ended,
}

impl HeadsetState {
    /// A word for people and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Hidden => "hidden",
            Self::Visible => "visible",
            Self::Focused => "focused",
            Self::Ended => "ended",
        }
    }
}

/// A frame that was begun and must be ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// When it will be seen, on the runtime's clock, ns.
    pub display_ns: i64,
    /// Time between frames, ns.
    pub period_ns: i64,
    /// False when it will not be seen and nothing need be drawn.
    pub is_seen: bool,
    time: openxr::Time,
}

/// One eye, in metres: x right, y up, z back; origin where the head was when
/// the runtime last centred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EyeView {
    /// Place.
    pub position_m: [f32; 3],
    /// Turn, quaternion x y z w.
    pub rotation: [f32; 4],
    /// Half angles left, right, up, down, rad; left and down negative.
    pub angles_rad: [f32; 4],
}

/// Both eyes at the time a frame will be seen.
#[derive(Clone, Copy, PartialEq)]
pub struct Views {
    /// Left, right.
    pub eyes: [EyeView; 2],
    /// True when the place is known; else it is not to be drawn from.
    pub has_position: bool,
    /// True when the turn is known.
    pub has_rotation: bool,
    /// True when both are measured now, and not guessed by the runtime.
    pub is_tracked: bool,
    raw: [openxr::View; 2],
}

/// A headset with a session. Fields go in this order: what depends, first.
pub struct Headset {
    eyes: [EyeBuffer; 2],
    stream: openxr::FrameStream<openxr::Vulkan>,
    waiter: openxr::FrameWaiter,
    space: openxr::Space,
    actions: Option<Actions>,
    session: openxr::Session<openxr::Vulkan>,
    graphics: Graphics,
    instance: openxr::Instance,
    blend: openxr::EnvironmentBlendMode,
    name: String,
    state: HeadsetState,
    is_running: bool,
    is_frame_open: bool,
}

impl Headset {
    /// Finds the runtime and its headset, opens its graphics device and a
    /// session on it. Some tenths of a second.
    ///
    /// # Errors
    /// No loader, runtime, headset or device; the message says what to do.
    pub fn open(settings: &HeadsetSettings) -> Result<Self, HeadsetError> {
        let found = find()?;
        let Found { instance, system, runtime, headset, .. } = &found;
        let system = *system;
        let blends = instance.enumerate_environment_blend_modes(system, STEREO).doing("name its blend modes")?;
        let through = openxr::EnvironmentBlendMode::ALPHA_BLEND;
        let wants_through = settings.see_through && blends.contains(&through);
        let opaque = blends.first().copied().unwrap_or(openxr::EnvironmentBlendMode::OPAQUE);
        let graphics = Graphics::open(instance, system)?;
        let name = format!("{headset} ({runtime})");
        Self::start(&found, graphics, if wants_through { through } else { opaque }, name, settings)
    }

    fn start(
        found: &Found,
        graphics: Graphics,
        blend: openxr::EnvironmentBlendMode,
        name: String,
        settings: &HeadsetSettings,
    ) -> Result<Self, HeadsetError> {
        let (instance, system) = (found.instance.clone(), found.system);
        let views = instance.enumerate_view_configuration_views(system, STEREO).doing("name its views")?;
        let size = |view: &openxr::ViewConfigurationView| {
            let scaled = |n: u32, most: u32| ((n as f32 * settings.resolution) as u32).clamp(16, most.max(16));
            [
                scaled(view.recommended_image_rect_width, view.max_image_rect_width),
                scaled(view.recommended_image_rect_height, view.max_image_rect_height),
            ]
        };
        let &[left, right] = views.as_slice() else {
            return Err(HeadsetError::Lacking { runtime: name, what: "two eyes" });
        };
        let handles = graphics.handles;
        let info = openxr::vulkan::SessionCreateInfo {
            instance: pointer(handles.instance),
            physical_device: pointer(handles.physical_device),
            device: pointer(handles.device),
            queue_family_index: handles.queue_family,
            queue_index: 0,
        };
        // SAFETY: the handles are those of `graphics`, which outlives the session (field order).
        let (session, waiter, stream) =
            unsafe { instance.create_session::<openxr::Vulkan>(system, &info) }.doing("open a session")?;
        let space = session
            .create_reference_space(ReferenceSpaceType::LOCAL, openxr::Posef::IDENTITY)
            .doing("name a place to measure from")?;
        let eyes =
            [EyeBuffer::new(&session, &graphics, size(&left))?, EyeBuffer::new(&session, &graphics, size(&right))?];
        // Without hands the scene is still seen, and the runtime can centre it.
        let actions = Actions::new(found, &session).ok();
        let state = HeadsetState::Asleep;
        let (is_running, is_frame_open) = (false, false);
        Ok(Self {
            eyes,
            stream,
            waiter,
            space,
            actions,
            session,
            graphics,
            instance,
            blend,
            name,
            state,
            is_running,
            is_frame_open,
        })
    }

    /// The device to draw with.
    #[must_use]
    pub const fn graphics(&self) -> &Graphics {
        &self.graphics
    }

    /// Headset and runtime.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True when the room is seen behind what is drawn.
    #[must_use]
    pub fn is_see_through(&self) -> bool {
        self.blend == openxr::EnvironmentBlendMode::ALPHA_BLEND
    }

    /// Width and height of each eye, pixels.
    #[must_use]
    pub fn sizes(&self) -> [[u32; 2]; 2] {
        [self.eyes[0].size, self.eyes[1].size]
    }

    /// Takes in what happened. The second value is true when the runtime
    /// centred anew.
    ///
    /// # Errors
    /// The runtime refused, or the session is lost.
    pub fn poll(&mut self) -> Result<(HeadsetState, bool), HeadsetError> {
        let mut buffer = openxr::EventDataBuffer::new();
        let mut was_centred = false;
        while let Some(event) = self.instance.poll_event(&mut buffer).doing("tell what happened")? {
            match event {
                Event::SessionStateChanged(change) => self.change(change.state())?,
                Event::InstanceLossPending(_) => return Err(lost()),
                Event::ReferenceSpaceChangePending(change) => {
                    was_centred |= change.reference_space_type() == ReferenceSpaceType::LOCAL;
                }
                _ => {}
            }
        }
        Ok((self.state, was_centred))
    }

    fn change(&mut self, state: SessionState) -> Result<(), HeadsetError> {
        self.state = match state {
            SessionState::READY => {
                self.session.begin(STEREO).doing("begin the session")?;
                self.is_running = true;
                HeadsetState::Hidden
            }
            SessionState::SYNCHRONIZED => HeadsetState::Hidden,
            SessionState::VISIBLE => HeadsetState::Visible,
            SessionState::FOCUSED => HeadsetState::Focused,
            SessionState::STOPPING => {
                self.is_running = false;
                self.session.end().doing("end the session")?;
                HeadsetState::Asleep
            }
            SessionState::EXITING => HeadsetState::Ended,
            SessionState::LOSS_PENDING => return Err(lost()),
            _ => HeadsetState::Asleep,
        };
        Ok(())
    }

    /// Waits until the next frame is due and begins it; `None` while the headset
    /// takes none. May block for as long as the runtime wants.
    ///
    /// # Errors
    /// As [`Headset::poll`].
    pub fn begin(&mut self) -> Result<Option<Frame>, HeadsetError> {
        if !self.is_running {
            return Ok(None);
        }
        let state = self.waiter.wait().doing("wait for a frame")?;
        self.stream.begin().doing("begin a frame")?;
        self.is_frame_open = true;
        Ok(Some(Frame {
            display_ns: state.predicted_display_time.as_nanos(),
            period_ns: state.predicted_display_period.as_nanos(),
            is_seen: state.should_render,
            time: state.predicted_display_time,
        }))
    }

    /// Where the eyes will be when `frame` is seen.
    ///
    /// # Errors
    /// As [`Headset::poll`].
    pub fn views(&self, frame: &Frame) -> Result<Views, HeadsetError> {
        let (flags, views) = self.session.locate_views(STEREO, frame.time, &self.space).doing("find the eyes")?;
        let &[left, right] = views.as_slice() else {
            return Err(HeadsetError::Lacking { runtime: self.name.clone(), what: "two eyes" });
        };
        let eye = |v: &openxr::View| {
            let (p, q, f) = (v.pose.position, v.pose.orientation, v.fov);
            EyeView {
                position_m: [p.x, p.y, p.z],
                rotation: [q.x, q.y, q.z, q.w],
                angles_rad: [f.angle_left, f.angle_right, f.angle_up, f.angle_down],
            }
        };
        let tracked = ViewStateFlags::POSITION_TRACKED | ViewStateFlags::ORIENTATION_TRACKED;
        Ok(Views {
            eyes: [eye(&left), eye(&right)],
            has_position: flags.contains(ViewStateFlags::POSITION_VALID),
            has_rotation: flags.contains(ViewStateFlags::ORIENTATION_VALID),
            is_tracked: flags.contains(tracked),
            raw: [left, right],
        })
    }

    /// Shows what was drawn for `views`, or nothing at all (`None`), which the
    /// runtime shows as darkness or as the room.
    ///
    /// * eyes - textures in [`FORMAT`](crate::eye_buffers::FORMAT) with `COPY_SRC`,
    ///   [`Headset::sizes`] large.
    ///
    /// # Errors
    /// As [`Headset::poll`].
    pub fn end(&mut self, frame: &Frame, drawn: Option<(&Views, [&wgpu::Texture; 2])>) -> Result<(), HeadsetError> {
        if !std::mem::take(&mut self.is_frame_open) {
            return Ok(());
        }
        let Some((views, textures)) = drawn.filter(|_| frame.is_seen) else {
            return self.stream.end(frame.time, self.blend, &[]).doing("end a frame");
        };
        for (eye, texture) in self.eyes.iter_mut().zip(textures) {
            eye.fill(&self.graphics, texture)?;
        }
        let [left, right] = &self.eyes;
        let projections = [(left, &views.raw[0]), (right, &views.raw[1])].map(|(eye, view)| {
            let [width, height] = eye.size.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
            let whole = openxr::Rect2Di {
                offset: openxr::Offset2Di { x: 0, y: 0 },
                extent: openxr::Extent2Di { width, height },
            };
            let image = openxr::SwapchainSubImage::new().swapchain(&eye.chain).image_array_index(0).image_rect(whole);
            openxr::CompositionLayerProjectionView::new().pose(view.pose).fov(view.fov).sub_image(image)
        });
        let layer = openxr::CompositionLayerProjection::new().space(&self.space).views(&projections);
        let layer = if self.blend == openxr::EnvironmentBlendMode::ALPHA_BLEND {
            layer.layer_flags(openxr::CompositionLayerFlags::BLEND_TEXTURE_SOURCE_ALPHA)
        } else {
            layer
        };
        self.stream.end(frame.time, self.blend, &[&layer]).doing("end a frame")
    }

    /// Both hands when `frame` is seen, and what was pressed since the last call.
    /// There are none while the headset is not focused.
    #[must_use]
    pub fn hands(&self, frame: &Frame) -> Hands {
        let actions = self.actions.as_ref().filter(|_| self.state == HeadsetState::Focused);
        actions.map_or_else(Hands::default, |actions| actions.read(&self.session, &self.space, frame.time))
    }
}

fn pointer<T: ash::vk::Handle>(handle: T) -> *const std::ffi::c_void {
    handle.as_raw() as *const std::ffi::c_void
}

const fn lost() -> HeadsetError {
    HeadsetError::Call { doing: "go on with the session", source: openxr::sys::Result::ERROR_SESSION_LOST }
}
