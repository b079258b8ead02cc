//! A hospital's sender against the DICOM receiver: what arrives whole becomes a
//! series, what breaks off does not, and nobody can stop or fill it.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use dicom_ul::association::client::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use engine::dicom_receiver::{DicomReceiver, ReceiverError, ReceiverLimits, ReceiverSettings, SeriesEnd};
use engine::io::{self, Limits};

use crate::dicom::{AXIAL, Slice, series};
use crate::phantom::{Folder, assert_is_phantom};

const LONG: Duration = Duration::from_secs(30);

fn receiver(change: impl FnOnce(&mut ReceiverSettings)) -> (DicomReceiver, Folder) {
    let folder = Folder::new();
    let mut settings = ReceiverSettings::new(folder.path().to_owned());
    settings.address.set_port(0);
    settings.quiet = Duration::from_millis(100);
    settings.incomplete = Duration::from_millis(400);
    change(&mut settings);
    (DicomReceiver::start(settings).unwrap(), folder)
}

fn call(receiver: &DicomReceiver, title: &str) -> Result<ClientAssociation<TcpStream>, dicom_ul::association::Error> {
    ClientAssociationOptions::new()
        .calling_ae_title(title)
        .called_ae_title("SPINENAV")
        .with_presentation_context(uids::CT_IMAGE_STORAGE, vec![uids::EXPLICIT_VR_LITTLE_ENDIAN])
        .with_presentation_context(uids::VERIFICATION, vec![uids::IMPLICIT_VR_LITTLE_ENDIAN])
        .read_timeout(LONG)
        .establish(receiver.address())
}

fn command(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in elements {
        let value = if value.len() % 2 == 1 { [*value, &[0]].concat() } else { value.to_vec() };
        bytes.extend([0, 0]);
        bytes.extend(number.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
    }
    bytes
}

fn uid_of(slice: &Slice) -> String {
    slice.object.get(tags::SOP_INSTANCE_UID).unwrap().to_str().unwrap().into_owned()
}

fn data_of(slice: &Slice) -> Vec<u8> {
    let mut bytes = Vec::new();
    let syntax = TransferSyntaxRegistry.get(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let object: &InMemDicomObject = &slice.object;
    object.write_dataset_with_ts(&mut bytes, syntax).unwrap();
    bytes
}

fn announce(link: &mut ClientAssociation<TcpStream>, class: &str, uid: &str) {
    let id = link.presentation_contexts()[0].id;
    let store = command(&[
        (0x0002, class.as_bytes()),
        (0x0100, &[1, 0]),
        (0x0110, &[7, 0]),
        (0x0700, &[0, 0]),
        (0x0800, &[0, 0]),
        (0x1000, uid.as_bytes()),
    ]);
    let value =
        PDataValue { presentation_context_id: id, value_type: PDataValueType::Command, is_last: true, data: store };
    link.send(&Pdu::PData { data: vec![value] }).unwrap();
}

/// Status of the answer that comes next.
fn status(link: &mut ClientAssociation<TcpStream>) -> u16 {
    let Pdu::PData { data } = link.receive().unwrap() else { panic!("no answer") };
    let bytes = &data[0].data;
    let at = bytes.windows(8).position(|w| w == [0, 0, 0, 9, 2, 0, 0, 0]).unwrap();
    u16::from_le_bytes([bytes[at + 8], bytes[at + 9]])
}

fn store(link: &mut ClientAssociation<TcpStream>, slice: &Slice) -> u16 {
    announce(link, uids::CT_IMAGE_STORAGE, &uid_of(slice));
    let id = link.presentation_contexts()[0].id;
    let mut writer = link.send_pdata(id);
    writer.write_all(&data_of(slice)).unwrap();
    writer.finish().unwrap();
    status(link)
}

/// The phantom as another series.
fn other_series() -> Vec<Slice> {
    let mut slices = series(&AXIAL);
    for (k, slice) in slices.iter_mut().enumerate() {
        slice.set(tags::SERIES_INSTANCE_UID, VR::UI, "7.7");
        slice.set(tags::SOP_INSTANCE_UID, VR::UI, format!("7.7.{k}"));
    }
    slices
}

fn finished(receiver: &DicomReceiver) -> engine::dicom_receiver::FinishedSeries {
    match receiver.next(LONG) {
        Some(SeriesEnd::Finished(finished)) => finished,
        other => panic!("{other:?} instead of a finished series"),
    }
}

#[test]
fn a_series_in_disorder_and_partly_twice_becomes_one_folder() {
    let (receiver, folder) = receiver(|_| ());
    let mut link = call(&receiver, "CT").unwrap();
    let slices = series(&AXIAL);
    for k in [5, 0, 9, 1, 7, 3, 10, 2, 8, 6, 4, 5, 0] {
        assert_eq!(store(&mut link, &slices[k]), 0);
        assert!(!folder.path().join("series").exists(), "nothing is shown before it is whole");
    }
    link.release().unwrap();
    let found = finished(&receiver);
    assert_eq!((found.objects, found.caller.as_str()), (11, "CT"));
    assert_eq!(std::fs::read_dir(&found.dicom).unwrap().count(), 11);
    assert_is_phantom(&io::read_ct(&found.dicom, &Limits::default()).unwrap().value, "received");
    let counts = receiver.counts();
    assert_eq!((counts.stored, counts.duplicates, counts.finished, counts.broken), (11, 2, 1, 0));
    let left = std::fs::read_dir(folder.path().join("receiving")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn two_series_at_once_do_not_mix() {
    let (receiver, _folder) = receiver(|_| ());
    std::thread::scope(|scope| {
        for slices in [series(&AXIAL), other_series()] {
            let receiver = &receiver;
            scope.spawn(move || {
                let mut link = call(receiver, "CT").unwrap();
                slices.iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
                link.release().unwrap();
            });
        }
    });
    let mut uids = [finished(&receiver), finished(&receiver)].map(|f| (f.series_uid, f.objects));
    uids.sort();
    assert_eq!(uids, [("1.2.3".to_owned(), 11), ("7.7".to_owned(), 11)]);
}

#[test]
fn a_killed_sender_leaves_no_case_until_somebody_sends_the_rest() {
    let (receiver, _folder) = receiver(|s| s.incomplete = Duration::from_secs(20));
    let slices = series(&AXIAL);
    let mut link = call(&receiver, "CT").unwrap();
    // The lower part has no gap: only the broken association tells.
    slices[..6].iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    announce(&mut link, uids::CT_IMAGE_STORAGE, &uid_of(&slices[6]));
    drop(link);
    assert_eq!(receiver.next(Duration::from_millis(600)), None);
    let mut link = call(&receiver, "CT").unwrap();
    slices[6..].iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    link.release().unwrap();
    assert_eq!(finished(&receiver).objects, 11);
    assert_eq!(receiver.counts().broken, 1);
}

#[test]
fn what_stays_incomplete_is_set_aside_with_its_reason() {
    let (receiver, folder) = receiver(|_| ());
    let slices = series(&AXIAL);
    let mut link = call(&receiver, "CT").unwrap();
    slices.iter().filter(|s| s.name != "005.dcm").for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    link.release().unwrap();
    let Some(SeriesEnd::SetAside { folder: aside, reason }) = receiver.next(LONG) else { panic!("not set aside") };
    assert!(reason.contains("1 slice(s) missing"), "{reason}");
    assert!(aside.starts_with(folder.path().join("set-aside")));
    assert_eq!(std::fs::read_to_string(aside.join("reason.txt")).unwrap().trim(), reason);
    let mut link = call(&receiver, "CT").unwrap();
    slices[..3].iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    drop(link);
    let Some(SeriesEnd::SetAside { reason, .. }) = receiver.next(LONG) else { panic!("not set aside") };
    assert!(reason.contains("went away after 3 object(s)"), "{reason}");
}

#[test]
fn objects_that_are_not_what_they_say_are_refused_and_the_rest_goes_on() {
    let (receiver, folder) = receiver(|s| {
        s.limits = ReceiverLimits { object_bytes: 4096, series_objects: 11, series: 1, ..ReceiverLimits::default() };
    });
    let slices = series(&AXIAL);
    let mut link = call(&receiver, "CT").unwrap();
    assert_eq!(store(&mut link, &slices[0]), 0);
    // Another UID than announced.
    announce(&mut link, uids::CT_IMAGE_STORAGE, "9.9");
    let id = link.presentation_contexts()[0].id;
    let mut writer = link.send_pdata(id);
    writer.write_all(&data_of(&slices[1])).unwrap();
    writer.finish().unwrap();
    assert_eq!(status(&mut link), 0xa900);
    // The same UID with other content.
    let mut changed = slices[0].clone();
    changed.set(tags::SERIES_DESCRIPTION, VR::LO, "another");
    assert_eq!(store(&mut link, &changed), 0xc000);
    // Too large, a second series, no series at all.
    let mut large = slices[1].clone();
    large.set(tags::PIXEL_DATA, VR::OW, dicom_core::PrimitiveValue::U16(vec![1; 5000].into()));
    assert_eq!(store(&mut link, &large), 0xa700);
    assert_eq!(store(&mut link, &other_series()[0]), 0xa700);
    let mut nameless = slices[2].clone();
    nameless.object.take(tags::SERIES_INSTANCE_UID);
    assert_eq!(store(&mut link, &nameless), 0xc000);
    slices[1..].iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    link.release().unwrap();
    assert_eq!(finished(&receiver).objects, 11);
    assert_eq!(receiver.counts().refused_objects, 5);
    assert_eq!(std::fs::read_dir(folder.path().join("receiving")).unwrap().count(), 0, "refused objects leave nothing");
}

#[test]
fn the_disk_cannot_be_filled() {
    let (receiver, _folder) = receiver(|s| s.limits.disk_bytes = 3000);
    let mut link = call(&receiver, "CT").unwrap();
    let answers: Vec<u16> = series(&AXIAL).iter().map(|slice| store(&mut link, slice)).collect();
    let kept = answers.iter().filter(|a| **a == 0).count();
    assert!((1..11).contains(&kept) && answers.iter().skip(kept).all(|a| *a == 0xa700), "{answers:04x?}");
}

#[test]
fn strangers_are_turned_away_and_friends_are_answered() {
    let (receiver, _folder) = receiver(|s| s.allowed_titles = vec!["CT".into()]);
    assert!(call(&receiver, "STRANGER").is_err());
    let mut link = call(&receiver, "CT").unwrap();
    let echo = command(&[(0x0002, b"1.2.840.10008.1.1"), (0x0100, &[0x30, 0]), (0x0110, &[3, 0]), (0x0800, &[1, 1])]);
    let id = link.presentation_contexts()[1].id;
    let value =
        PDataValue { presentation_context_id: id, value_type: PDataValueType::Command, is_last: true, data: echo };
    link.send(&Pdu::PData { data: vec![value] }).unwrap();
    assert_eq!(status(&mut link), 0);
    link.release().unwrap();
    assert_eq!((receiver.counts().refused, receiver.counts().echoes), (1, 1));
    let mut open = ReceiverSettings::new(Folder::new().path().to_owned());
    open.address = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(DicomReceiver::start(open), Err(ReceiverError::EverybodyAllowed { .. })));
}

#[test]
fn nonsense_stalls_and_floods_cost_a_slot_for_a_while_and_no_more() {
    let (receiver, _folder) = receiver(|s| {
        s.limits.associations = 2;
        s.limits.silence = Duration::from_millis(300);
        s.limits.association = Duration::from_millis(1500);
    });
    // A packet that claims 4 GB, bytes that are no packet, and nothing at all.
    for bytes in [&[1, 0, 0xff, 0xff, 0xff, 0xff][..], &[0x55; 4000], &[4, 0, 0, 0, 0, 12, 0, 0, 0, 255, 1, 3], &[]] {
        let mut socket = TcpStream::connect(receiver.address()).unwrap();
        let _may_be_closed = socket.write_all(bytes);
    }
    // Two who stall hold both places until the silence limit.
    let stalled: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(receiver.address()).unwrap()).collect();
    let since = std::time::Instant::now();
    let mut link = loop {
        match call(&receiver, "CT") {
            Ok(link) => break link,
            Err(_) => assert!(since.elapsed() < LONG, "the places were never free again"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    series(&AXIAL).iter().for_each(|slice| assert_eq!(store(&mut link, slice), 0));
    link.release().unwrap();
    assert_eq!(finished(&receiver).objects, 11);
    drop(stalled);
    assert!(receiver.counts().refused >= 4, "{:?}", receiver.counts());
}

#[test]
fn what_an_earlier_run_left_half_received_is_set_aside() {
    let folder = Folder::new();
    let settings = || {
        let mut settings = ReceiverSettings::new(folder.path().to_owned());
        settings.address.set_port(0);
        settings.quiet = LONG;
        settings
    };
    let receiver = DicomReceiver::start(settings()).unwrap();
    let mut link = call(&receiver, "CT").unwrap();
    assert_eq!(store(&mut link, &series(&AXIAL)[0]), 0);
    drop(receiver);
    drop(link);
    let _again = DicomReceiver::start(settings()).unwrap();
    let aside: Vec<_> = std::fs::read_dir(folder.path().join("set-aside")).unwrap().flatten().collect();
    assert_eq!(aside.len(), 1);
    assert!(std::fs::read_to_string(aside[0].path().join("reason.txt")).unwrap().contains("program ended"));
}
