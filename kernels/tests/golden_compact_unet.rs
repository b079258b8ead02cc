//! The whole network against PyTorch (`golden/make_compact_unet.py`), and
//! weight files that must be refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use kernels::{Architecture, CompactUnet, Cpu, OpDevice, Tensor, network::NetworkError};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

const WEIGHTS: &[u8] = include_bytes!("golden/compact_unet_weights.safetensors");
const IN_AND_OUT: &[u8] = include_bytes!("golden/compact_unet_io.safetensors");

/// Largest error relative to the largest logit. Both sides round f32 sums of
/// at most 432 terms, 15 layers deep; a wrong kernel is off by more than 1.
const TOLERANCE: f32 = 1e-4;

fn architecture() -> Architecture {
    Architecture { channels: vec![5, 8, 12, 16], inputs: 2, classes: 3 }
}

fn golden(name: &str) -> Tensor {
    let file = SafeTensors::deserialize(IN_AND_OUT).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().as_chunks::<4>().0;
    let values = values.iter().map(|&b| f32::from_le_bytes(b)).collect();
    Tensor::new(view.shape().try_into().unwrap(), values).unwrap()
}

fn agrees_with_pytorch<D: OpDevice>(device: &D) {
    let unet = CompactUnet::from_safetensors(device, WEIGHTS, &architecture()).unwrap();
    let logits = unet.forward(device, &golden("input")).unwrap();
    let expected = golden("logits");
    assert_eq!(logits.shape(), expected.shape());
    let scale = expected.data().iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    let pairs = logits.data().iter().zip(expected.data());
    let error = pairs.fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
    let device = device.description();
    println!("{device}: error {error:e}, largest logit {scale}");
    assert!(error <= TOLERANCE * scale, "{device}: {error:e} of {scale}");
}

#[test]
fn the_segmentation_is_the_one_pytorch_trained() {
    agrees_with_pytorch(&Cpu::new());
    agrees_with_pytorch(&Cpu::new().portable());
}

#[test]
fn the_logits_do_not_depend_on_the_number_of_threads() {
    let logits = [1, 2, 5].map(|threads| {
        let cpu = Cpu::with_threads(threads).unwrap();
        let unet = CompactUnet::from_safetensors(&cpu, WEIGHTS, &architecture()).unwrap();
        unet.forward(&cpu, &golden("input")).unwrap()
    });
    assert!(logits[0] == logits[1] && logits[0] == logits[2]);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let cpu = Cpu::new();
    let unet = CompactUnet::from_safetensors(&cpu, WEIGHTS, &architecture()).unwrap();
    let forward = |tensor| unet.forward(&cpu, &tensor).unwrap_err();
    let odd = forward(Tensor::zeros([2, 8, 12, 8]).unwrap());
    assert!(matches!(odd, NetworkError::InputSize { divisor: 8, .. }), "{odd}");
    let thin = forward(Tensor::zeros([1, 8, 8, 8]).unwrap());
    assert!(matches!(thin, NetworkError::Operation { .. }), "{thin}");
    let mut values = vec![0.0; 1024];
    values[700] = f32::NAN;
    let broken = forward(Tensor::new([2, 8, 8, 8], values).unwrap());
    assert!(matches!(broken, NetworkError::NonFiniteInput { index: 700, .. }), "{broken}");
}

/// Loads the golden weights after `change`; the error's text.
fn refusal(change: impl Fn(&mut Vec<(String, TensorView<'static>)>)) -> String {
    let file = SafeTensors::deserialize(WEIGHTS).unwrap();
    let mut tensors = file.tensors();
    change(&mut tensors);
    let buffer = safetensors::serialize(tensors, None).unwrap();
    let result = CompactUnet::from_safetensors(&Cpu::new(), &buffer, &architecture());
    result.unwrap_err().to_string()
}

#[test]
fn a_weight_file_is_refused_by_the_name_of_its_fault() {
    const NAME: &str = "dec.1.0.norm.bias";
    let missing = refusal(|tensors| tensors.retain(|(name, _)| name != NAME));
    assert!(missing.contains(NAME) && missing.contains("missing"), "{missing}");

    let renamed = refusal(|tensors| {
        let extra = tensors[0].1.clone();
        tensors.push(("dec.9.bias".to_owned(), extra));
    });
    assert!(renamed.contains("dec.9.bias"), "{renamed}");

    let replace = |dtype, shape: &[usize], data: &'static [u8]| {
        refusal(|tensors| {
            let tensor = tensors.iter_mut().find(|(name, _)| name == NAME).unwrap();
            tensor.1 = TensorView::new(dtype, shape.to_vec(), data).unwrap();
        })
    };
    let shape = replace(Dtype::F32, &[2, 4], &[0; 32]);
    assert!(shape.contains(NAME) && shape.contains("[2, 4]") && shape.contains("[8]"), "{shape}");
    let dtype = replace(Dtype::F16, &[8], &[0; 16]);
    assert!(dtype.contains(NAME) && dtype.contains("F16"), "{dtype}");
    let nan = replace(Dtype::F32, &[8], &[0xff; 32]);
    assert!(nan.contains(NAME) && nan.contains("NaN"), "{nan}");
}

#[test]
fn other_architectures_than_the_files_are_refused() {
    let load = |architecture: &Architecture| CompactUnet::from_safetensors(&Cpu::new(), WEIGHTS, architecture).is_err();
    assert!(!load(&architecture()));
    assert!(load(&Architecture::default()));
    let changes: [fn(&mut Architecture); 4] =
        [|a| a.channels.truncate(3), |a| a.channels.push(32), |a| a.classes = 4, |a| a.channels.clear()];
    for change in changes {
        let mut other = architecture();
        change(&mut other);
        assert!(load(&other), "{other:?}");
    }
}

#[test]
fn hostile_headers_are_errors() {
    let file = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let tensor = |shape: &str, end: &str| {
        format!(r#"{{"head.bias":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    let mut huge_header = u64::MAX.to_le_bytes().to_vec();
    huge_header.extend_from_slice(b"{}");
    let deep = "[".repeat(100_000);
    let hostile = [
        vec![],
        vec![1; 7],
        huge_header,
        file(&tensor("[1099511627776]", "4398046511104"), 16),
        file(&tensor("[18446744073709551615,18446744073709551615]", "16"), 16),
        file(&tensor("[4611686018427387904]", "0"), 0),
        file(&tensor("[3]", "18446744073709551615"), 12),
        file(&tensor("[0]", "0"), 0),
        file(&tensor("[3]", "12"), 12),
        file(&deep, 0),
        WEIGHTS[..WEIGHTS.len() - 1].to_vec(),
        WEIGHTS[..1000].to_vec(),
    ];
    for (index, bytes) in hostile.iter().enumerate() {
        let result = CompactUnet::from_safetensors(&Cpu::new(), bytes, &architecture());
        assert!(result.is_err(), "hostile file {index}");
    }
}
