//! A surgeon's computer must survive any file that is called a checkpoint.

use std::io::Cursor;

use super::{Checkpoint, CheckpointError};

/// An archive as torch writes it: stored entries in the folder `x`.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let name = format!("x/{name}");
        let (offset, size) = (file.len() as u32, data.len() as u32);
        let common =
            [&[0; 4][..], &[0; 8], &size.to_le_bytes(), &size.to_le_bytes(), &(name.len() as u16).to_le_bytes()];
        file.extend(b"PK\x03\x04\x00\x00");
        file.extend(common.concat());
        file.extend([0, 0]);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x00\x00\x00\x00");
        directory.extend(common.concat());
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size, count) = (file.len() as u32, directory.len() as u32, entries.len() as u16);
    file.extend(directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(n: i32) -> Vec<u8> {
    [&b"J"[..], &n.to_le_bytes()].concat()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), items.concat(), b"t".to_vec()].concat()
}

/// `_rebuild_tensor_v2` of a float storage `key`.
fn tensor(key: &str, stored: i32, offset: i32, shape: &[i32], stride: &[i32]) -> Vec<u8> {
    let storage = tuple(&[text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text(key), text("cpu"), int(stored)]);
    let numbers = |values: &[i32]| tuple(&values.iter().map(|n| int(*n)).collect::<Vec<_>>());
    let hooks = b"ccollections\nOrderedDict\n)R".to_vec();
    let storage = [storage, b"Q".to_vec()].concat();
    let arguments = tuple(&[storage, int(offset), numbers(shape), numbers(stride), b"\x89".to_vec(), hooks]);
    [b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(), arguments, b"R".to_vec()].concat()
}

fn dictionary(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> = pairs.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(".to_vec(), items, b"u".to_vec()].concat()
}

/// A whole `data.pkl` with the weight `w`, and `extra` beside the weights.
fn pickle(weight: Vec<u8>, extra: Vec<u8>) -> Vec<u8> {
    let weights = dictionary(&[("module.w", weight)]);
    let root = dictionary(&[
        ("network_weights", weights),
        ("trainer_name", text("nnUNetTrainer")),
        ("init_args", dictionary(&[("configuration", text("3d_fullres"))])),
        ("inference_allowed_mirroring_axes", tuple(&[int(0), int(2)])),
        ("logging", extra),
    ]);
    [b"\x80\x02".to_vec(), root, b".".to_vec()].concat()
}

fn numbers(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn open(pickle: &[u8], data: &[u8]) -> Result<Checkpoint<Cursor<Vec<u8>>>, CheckpointError> {
    Checkpoint::from_reader(Cursor::new(archive(&[("data.pkl", pickle), ("byteorder", b"little"), ("data/0", data)])))
}

fn message<T>(result: Result<T, CheckpointError>) -> String {
    result.err().map_or_else(|| "accepted".into(), |error| error.to_string())
}

const NONE: &[u8] = b"N";

#[test]
fn weights_names_and_mirror_axes_are_read() {
    let pickle = pickle(tensor("0", 6, 0, &[3, 2], &[1, 3]), NONE.into());
    let mut checkpoint = open(&pickle, &numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
    assert_eq!((checkpoint.trainer.as_str(), checkpoint.configuration.as_str()), ("nnUNetTrainer", "3d_fullres"));
    assert_eq!(checkpoint.mirror_axes, [0, 2]);
    // The wrapper's prefix is gone, the transposed order is honoured.
    assert_eq!(checkpoint.tensor("w", &[3, 2]).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert!(message(checkpoint.tensor("w", &[2, 3])).contains("shape [3, 2], the plans need [2, 3]"));
    assert!(message(checkpoint.tensor("v", &[1])).contains("`v` is missing"));
}

#[test]
fn a_call_of_the_system_is_refused_by_name_wherever_it_stands() {
    let by_global = b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R".to_vec();
    let by_stack = [text("posix"), text("system"), b"\x93".to_vec(), text("ls"), b"\x85R".to_vec()].concat();
    let by_getattr = [b"c__builtin__\ngetattr\n".to_vec(), text("a"), text("b"), b"\x86R".to_vec()].concat();
    for (attack, name) in [(by_global, "os.system"), (by_stack, "posix.system"), (by_getattr, "__builtin__.getattr")] {
        for pickle in [pickle(attack.clone(), NONE.into()), pickle(tensor("0", 1, 0, &[1], &[1]), attack)] {
            let text = message(open(&pickle, &numbers(&[1.0])));
            assert!(text.contains(name) && text.contains("Nothing was executed"), "{text}");
        }
    }
    let text = message(open(b"\x80\x02(ios\nsystem\n.", &[]));
    assert!(text.contains("os.system"), "{text}");
}

#[test]
fn unknown_values_are_ignored_beside_the_weights_and_refused_among_them() {
    let unknown = b"cnumpy._core.multiarray\nscalar\nX\x01\x00\x00\x00a\x85R".to_vec();
    assert!(open(&pickle(tensor("0", 1, 0, &[1], &[1]), unknown.clone()), &numbers(&[1.0])).is_ok());
    let text = message(open(&pickle(unknown, NONE.into()), &[]));
    assert!(text.contains("module.w") && text.contains("numpy._core.multiarray.scalar"), "{text}");
}

#[test]
fn tensors_that_lie_about_their_place_are_refused() {
    let data = numbers(&[1.0, 2.0, 3.0, f32::NAN]);
    let complaint = |weight: Vec<u8>, shape: &[usize]| {
        let checkpoint = open(&pickle(weight, NONE.into()), &data);
        message(checkpoint.and_then(|mut c| c.tensor("w", shape)))
    };
    assert!(complaint(tensor("0", 4, 0, &[2], &[9]), &[2]).contains("beyond the 4 numbers stored"));
    assert!(complaint(tensor("0", 4, 3, &[2], &[1]), &[2]).contains("beyond the 4 numbers stored"));
    assert!(complaint(tensor("0", 5, 0, &[2], &[1]), &[2]).contains("entry `data/0` has 16 bytes"));
    assert!(complaint(tensor("7", 4, 0, &[2], &[1]), &[2]).contains("entry `data/7` has 0 bytes"));
    assert!(complaint(tensor("0", 4, 0, &[i32::MAX], &[0]), &[i32::MAX as usize]).contains("more than"));
    assert!(complaint(tensor("0", 4, 0, &[4], &[1]), &[4]).contains("NaN at index 3"));
    // Negative sizes make no tensor at all.
    assert!(complaint(tensor("0", 4, -1, &[1], &[1]), &[1]).contains("which is not executed"));
    assert!(complaint(tensor("0", 4, 0, &[-1], &[1]), &[1]).contains("which is not executed"));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let pickle = pickle(tensor("0", 2, 0, &[2], &[1]), NONE.into());
    let whole = archive(&[("data.pkl", &pickle), ("data/0", &numbers(&[1.0, 2.0]))]);
    assert!(Checkpoint::from_reader(Cursor::new(whole.clone())).is_ok());
    for length in 0..whole.len() {
        assert!(Checkpoint::from_reader(Cursor::new(whole[..length].to_vec())).is_err(), "cut at {length}");
    }
    for length in 0..pickle.len() {
        assert!(open(&pickle[..length], &[]).is_err(), "pickle cut at {length}");
    }
}

#[test]
fn any_changed_byte_is_an_error_or_harmless() {
    let pickle = pickle(tensor("0", 2, 0, &[2], &[1]), NONE.into());
    let whole = archive(&[("data.pkl", &pickle), ("data/0", &numbers(&[1.0, 2.0]))]);
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, b'(', b'R', b'0', b'2'] {
            let mut changed = whole.clone();
            changed[at] = value;
            // Whatever it says, it comes back, and soon.
            let _ = Checkpoint::from_reader(Cursor::new(changed)).and_then(|mut c| c.tensor("w", &[2]));
        }
    }
}

#[test]
fn other_files_are_refused_with_advice() {
    let read = |bytes: &[u8]| message(Checkpoint::from_reader(Cursor::new(bytes.to_vec())));
    assert!(read(b"<html>not found</html>").contains("3c, 68, 74, 6d"));
    assert!(read(b"").contains("no torch checkpoint"));
    assert!(read(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").contains("torch.save(torch.load(FILE), NEW_FILE)"));
    assert!(read(&archive(&[("model.onnx", b"")])).contains("FOLDER/data.pkl"));
    assert!(read(&archive(&[("data.pkl", b"N."), ("constants.pkl", b"")])).contains("TorchScript"));
    assert!(read(&archive(&[("data.pkl", b"\x80\x02N."), ("byteorder", b"big")])).contains("little-endian"));
    assert!(read(&archive(&[("data.pkl", b"\x80\x02}.")])).contains("network_weights"));
    let mut compressed = archive(&[("data.pkl", b"N.")]);
    let method = compressed.len() - 22 - 46 - "x/data.pkl".len() + 10;
    compressed[method] = 8;
    assert!(read(&compressed).contains("compressed"));
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let read = |pickle: Vec<u8>| message(open(&pickle, &[]));
    // Ten million open containers; a text of 4 GB; ten million copies of a tensor.
    assert!(read([b"\x80\x02".to_vec(), vec![b'('; 10_000_000]].concat()).contains("open containers"));
    assert!(read(b"\x80\x02X\xff\xff\xff\xff".to_vec()).contains("bytes of a text"));
    assert!(read(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec()).contains("bytes of a text"));
    assert!(read(b"\x80\x02\x8b\xff\xff\xff\x7f".to_vec()).contains("more bytes must follow"));
    assert!(read([b"\x80\x02".to_vec(), b"N".repeat(9_000_000)].concat()).contains("values"));
    assert!(read([b"\x80\x02N".to_vec(), b"2".repeat(9_000_000)].concat()).contains("values"));
    let again = tensor("0", 1, 0, &[1], &[1]);
    let arguments = again["ctorch._utils\n_rebuild_tensor_v2\n".len()..again.len() - 1].to_vec();
    let prepared =
        [b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00".to_vec(), arguments, b"q\x01".to_vec()].concat();
    assert!(read([prepared, b"h\x00h\x01R".repeat(200_000)].concat()).contains("tensors"));
    // Values that contain themselves are harmless.
    assert!(read(b"\x80\x02}q\x00X\x0f\x00\x00\x00network_weightsh\x00s.".to_vec()).contains("network_weights"));
    let deep = [b"\x80\x02".to_vec(), b"]".repeat(100_000), b"a".repeat(99_999), b".".to_vec()].concat();
    assert!(read(deep).contains("network_weights"));
    assert!(read(b"\x80\x02h\x05.".to_vec()).contains("before storing it"));
    assert!(read(b"\x80\x020.".to_vec()).contains("none is left"));
    assert!(read(b"\x80\x02(N\x85\x86.".to_vec()).contains("none is left"));
}
