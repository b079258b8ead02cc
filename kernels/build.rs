//! GPU machine code for the feature `cuda-device`; without it this does nothing.
//!
//! The image of all kernels comes from, in this order:
//! 1. the compiler named by `SPINENAV_NVCC`;
//! 2. `cuda/prebuilt/kernels.fatbin`, if it was made from today's sources;
//! 3. the `nvcc` of `CUDA_HOME` or of the search path.
//!
//! With `cuda-emulator` the same sources are compiled for the processor into
//! a `libcuda.so.1` that the tests are linked to.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Machine code for these, and PTX of the first for later GPUs.
const ARCHITECTURES: [&str; 6] = ["80", "86", "89", "90", "100", "120"];

/// How an image starts; enough for the emulator, which has its own kernels.
const FATBIN_MAGIC: [u8; 4] = [0x50, 0xed, 0x55, 0xba];

const EMULATOR: [&str; 6] = ["block.cpp", "driver.cpp", "fiber.cpp", "kernels.cpp", "launch.cpp", "tensor_core.cpp"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA_DEVICE").is_none() {
        return Ok(());
    }
    let cuda = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("cuda");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", cuda.display());
    for name in ["SPINENAV_NVCC", "CUDA_HOME", "CXX"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    image(&cuda, &out.join("kernels.fatbin"))?;
    if env::var_os("CARGO_FEATURE_CUDA_EMULATOR").is_some() {
        emulator(&cuda, &out)?;
    }
    Ok(())
}

fn image(cuda: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    if let Some(nvcc) = env::var_os("SPINENAV_NVCC") {
        return compile(Path::new(&nvcc), cuda, image);
    }
    let prebuilt = cuda.join("prebuilt/kernels.fatbin");
    let recorded = fs::read_to_string(cuda.join("prebuilt/sources.hash")).unwrap_or_default();
    let is_current = recorded.trim() == source_hash(cuda)?;
    if !is_current {
        if let Some(nvcc) = find_nvcc() {
            return compile(&nvcc, cuda, image);
        }
        let advice = "cuda/prebuilt was not made from today's sources in kernels/cuda; \
                      run kernels/cuda/build_cubins.py, or name a CUDA compiler in SPINENAV_NVCC";
        if env::var_os("CARGO_FEATURE_CUDA_EMULATOR").is_none() {
            return Err(advice.into());
        }
        println!("cargo:warning={advice} (only the emulator will run)");
        return Ok(fs::write(image, FATBIN_MAGIC)?);
    }
    fs::copy(&prebuilt, image).map_err(|error| format!("{}: {error}", prebuilt.display()))?;
    Ok(())
}

/// FNV-1a over names and contents, as `build_cubins.py` computes it.
fn source_hash(cuda: &Path) -> Result<String, Box<dyn Error>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(cuda)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "cu" || extension == "cuh"));
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
        // A checkout may have changed the ends of lines.
        for byte in name.into_iter().chain(fs::read(&file)?).filter(|&byte| byte != b'\r') {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}

fn find_nvcc() -> Option<PathBuf> {
    let home = env::var_os("CUDA_HOME").map(|home| PathBuf::from(home).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    home.into_iter().chain(env::split_paths(&path)).map(|folder| folder.join("nvcc")).find(|nvcc| nvcc.is_file())
}

fn compile(nvcc: &Path, cuda: &Path, image: &Path) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(nvcc);
    command.args(["-std=c++17", "-O3", "-fatbin", "-Xfatbin", "-compress-all"]);
    for architecture in ARCHITECTURES {
        command.arg("-gencode").arg(format!("arch=compute_{architecture},code=sm_{architecture}"));
    }
    command.args(["-gencode", "arch=compute_80,code=compute_80"]);
    command.arg("-o").arg(image).arg(cuda.join("kernels.cu"));
    run(&mut command)
}

/// Compiles the kernels and the emulator, and links all tests to them.
fn emulator(cuda: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let library = out.join("libcuda.so.1");
    let sources = cuda.join("emu");
    let mut command = Command::new(compiler);
    command.args(["-std=c++17", "-O2", "-g", "-fPIC", "-shared", "-pthread", "-ftls-model=initial-exec"]);
    command.args(["-Wno-unknown-pragmas", "-DCUDA_EMULATOR", "-Wl,-soname,libcuda.so.1", "-I"]).arg(&sources);
    command.arg("-o").arg(&library).args(EMULATOR.map(|file| sources.join(file)));
    run(&mut command)?;
    for argument in
        ["-Wl,--no-as-needed".to_owned(), library.display().to_string(), format!("-Wl,-rpath,{}", out.display())]
    {
        println!("cargo:rustc-link-arg-tests={argument}");
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let log = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(format!("{command:?} failed:\n{log}").into())
}
