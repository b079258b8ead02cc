//! Options of `bench render`.

use std::path::PathBuf;

use clap::Args;

/// Options of `bench render`.
#[derive(Debug, Args)]
pub struct BenchRenderArguments {
    /// Volumes, `XxYxZ` voxels; 0 is none.
    #[arg(long, value_delimiter = ',', default_value = "0,256x256x150,512x512x300", value_parser = parse_volume)]
    pub volumes: Vec<[usize; 3]>,
    /// Vertebra surfaces, 1 to 24.
    #[arg(long, value_delimiter = ',', default_value = "5,24", value_parser = clap::value_parser!(u8).range(1..=24))]
    pub surfaces: Vec<u8>,
    /// Frames that count, of each.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub frames: u32,
    /// Width and height of the screen, pixels.
    #[arg(long, default_value = "1280x720", value_parser = parse_screen)]
    pub screen: [u32; 2],
    /// Longest time of a moving frame that resolution is chosen for, ms.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub target_ms: u64,
    /// Use the scene for so many seconds instead, as a hand would, and tell its
    /// memory over time; the largest volume and most surfaces of those named.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub memory: Option<u64>,
    /// Save each one's last frame into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
}

fn parse_volume(text: &str) -> Result<[usize; 3], String> {
    if text == "0" {
        return Ok([0; 3]);
    }
    let sides: Option<Vec<usize>> =
        text.split('x').map(|n| n.parse().ok().filter(|n| (8..=2048).contains(n))).collect();
    sides.and_then(|sides| sides.try_into().ok()).ok_or_else(|| "write 0, or XxYxZ of 8 to 2048 voxels each".to_owned())
}

fn parse_screen(text: &str) -> Result<[u32; 2], String> {
    let sides: Option<Vec<u32>> = text.split('x').map(|n| n.parse().ok().filter(|n| (64..=8192).contains(n))).collect();
    sides
        .and_then(|sides| sides.try_into().ok())
        .ok_or_else(|| "write WIDTHxHEIGHT of 64 to 8192 pixels each".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_nonsense_is_not() {
        assert_eq!((parse_volume("0"), parse_volume("512x512x300")), (Ok([0; 3]), Ok([512, 512, 300])));
        assert!(parse_volume("512x512").is_err() && parse_screen("1280x720") == Ok([1280, 720]));
        for wrong in ["", "1", "512", "4x4x4", "9999x8x8", "ax8x8"] {
            assert!(parse_volume(wrong).is_err() && parse_screen(wrong).is_err(), "{wrong}");
        }
    }
}
