//! The images that go to the display: one chain an eye, filled by a copy.
//!
//! The scene draws each eye into a texture of its own; the copy costs 16 MB of
//! reading and writing for an eye of 2000x2000, some hundredths of a
//! millisecond on a graphics card, and in return a frame that fails half-way
//! leaves nothing acquired, and every eye can be saved as a picture.

use ash::vk::{self, Handle};

use crate::{Doing, Graphics, HeadsetError};

/// How colours are stored, for both sides of the copy.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;
const VULKAN_FORMAT: vk::Format = vk::Format::R8G8B8A8_SRGB;

/// One eye's chain of images. Images are declared before the chain that owns
/// their memory, so that they go first.
pub(crate) struct EyeBuffer {
    images: Vec<wgpu::Texture>,
    pub chain: openxr::Swapchain<openxr::Vulkan>,
    pub size: [u32; 2],
}

impl EyeBuffer {
    pub fn new(
        session: &openxr::Session<openxr::Vulkan>,
        graphics: &Graphics,
        size: [u32; 2],
    ) -> Result<Self, HeadsetError> {
        use openxr::SwapchainUsageFlags as Usage;
        let formats = session.enumerate_swapchain_formats().doing("name its image formats")?;
        let format = VULKAN_FORMAT.as_raw() as u32;
        if !formats.contains(&format) {
            return Err(HeadsetError::Graphics("the runtime takes no 8-bit sRGB images".into()));
        }
        let chain = session
            .create_swapchain(&openxr::SwapchainCreateInfo {
                create_flags: openxr::SwapchainCreateFlags::EMPTY,
                usage_flags: Usage::COLOR_ATTACHMENT | Usage::TRANSFER_DST | Usage::SAMPLED,
                format,
                sample_count: 1,
                width: size[0],
                height: size[1],
                face_count: 1,
                array_size: 1,
                mip_count: 1,
            })
            .doing("make images for the eyes")?;
        let raw = chain.enumerate_images().doing("name the images for the eyes")?;
        let images = raw.into_iter().map(|image| wrap(graphics, image, size)).collect::<Option<_>>();
        let images = images.ok_or_else(|| HeadsetError::Graphics("wgpu does not draw with Vulkan".into()))?;
        Ok(Self { images, chain, size })
    }

    /// Waits for an image, copies `drawn` into it, gives it back.
    pub fn fill(&mut self, graphics: &Graphics, drawn: &wgpu::Texture) -> Result<(), HeadsetError> {
        let index = self.chain.acquire_image().doing("lend an image for an eye")?;
        self.chain.wait_image(openxr::Duration::INFINITE).doing("free an image for an eye")?;
        if let Some(image) = self.images.get(index as usize) {
            let mut encoder = graphics.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let extent = wgpu::Extent3d {
                width: self.size[0].min(drawn.width()),
                height: self.size[1].min(drawn.height()),
                depth_or_array_layers: 1,
            };
            encoder.copy_texture_to_texture(drawn.as_image_copy(), image.as_image_copy(), extent);
            // The layout the runtime expects an image back in (XR_KHR_vulkan_enable2).
            let state = wgpu::TextureUses::COLOR_TARGET;
            let back = wgpu::TextureTransition { texture: image, selector: None, state };
            encoder.transition_resources(std::iter::empty(), std::iter::once(back));
            graphics.queue.submit([encoder.finish()]);
        }
        self.chain.release_image().doing("take an image of an eye back")
    }
}

/// A wgpu texture over an image of the runtime; `None` when wgpu does not draw
/// with Vulkan, which it does here.
fn wrap(graphics: &Graphics, image: u64, size: [u32; 2]) -> Option<wgpu::Texture> {
    let extent = wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 };
    let hal_description = wgpu::hal::TextureDescriptor {
        label: Some("eye"),
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUses::COLOR_TARGET | wgpu::TextureUses::COPY_DST,
        memory_flags: wgpu::hal::MemoryFlags::empty(),
        view_formats: Vec::new(),
    };
    // SAFETY: the image is of this device, size and format, and stays until its chain goes, which outlives the
    // textures (field order above); with `External` and a callback that does nothing wgpu destroys neither.
    let raw = unsafe {
        let device = graphics.device.as_hal::<wgpu::hal::api::Vulkan>()?;
        let kept: wgpu::hal::DropCallback = Box::new(|| {});
        let memory = wgpu::hal::vulkan::TextureMemory::External;
        device.texture_from_raw(vk::Image::from_raw(image), &hal_description, Some(kept), memory)
    };
    let description = wgpu::TextureDescriptor {
        label: Some("eye"),
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    };
    // SAFETY: `raw` is of this device and made by the description above.
    Some(unsafe { graphics.device.create_texture_from_hal::<wgpu::hal::api::Vulkan>(raw, &description) })
}
