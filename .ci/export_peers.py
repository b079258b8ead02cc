"""Opens SpineNav's exports with readers that others wrote and compares them with the label map.

Usage: export_peers.py FOLDER LABELS.nii.gz
"""
import json
import sys
from pathlib import Path

import highdicom
import nibabel
import nrrd
import numpy
import pydicom
import trimesh

folder, labels_file = Path(sys.argv[1]), sys.argv[2]
NAMES = {n: f"C{n}" for n in range(1, 8)} | {n + 7: f"T{n}" for n in range(1, 13)}
NAMES |= {n + 19: f"L{n}" for n in range(1, 7)} | {26: "sacrum", 27: "coccyx", 28: "T13"}
image = nibabel.load(labels_file)
labels = numpy.asarray(image.dataobj).astype(numpy.uint8)
lps_from_voxel = numpy.diag([-1, -1, 1, 1]) @ image.affine
SLIVER_MM3 = 80  # a cut bone this small is drawn with few triangles
voxel_mm3 = abs(numpy.linalg.det(image.affine[:3, :3]))
levels = {int(n): NAMES[int(n)] for n in numpy.unique(labels) if int(n) in NAMES}


def centre(number):
    voxels = numpy.argwhere(labels == number)
    return (lps_from_voxel @ numpy.append(voxels.mean(0), 1))[:3]


def check(what, is_true, detail=""):
    print(("ok      " if is_true else "WRONG   ") + what, detail)
    if not is_true:
        sys.exit(f"{what}: {detail}")


def same_bone(what, mesh, number):
    volume = voxel_mm3 * (labels == number).sum()
    off = numpy.linalg.norm(mesh.center_mass - centre(number))
    check(what, mesh.is_watertight and abs(mesh.volume - volume) < max(0.15 * volume, SLIVER_MM3) and off < 1.5,
          f"{mesh.volume / 1000:.1f} cm3 of {volume / 1000:.1f}, centre {off:.2f} mm off")


for number, name in levels.items():
    for suffix in ("stl", "ply"):
        same_bone(f"{suffix} {name}", trimesh.load(folder / suffix / f"{name}.{suffix}"), number)
ply = trimesh.load(folder / "ply" / f"{next(iter(levels.values()))}.ply")
check("ply colour", len(numpy.unique(ply.visual.vertex_colors, axis=0)) == 1)

scene = trimesh.load(folder / "obj" / "spine.obj", split_object=True, group_material=False, maintain_order=True)
parts = scene.geometry if isinstance(scene, trimesh.Scene) else {"all": scene}
check("obj parts", len(parts) == len(levels), f"{sorted(parts)}")

scene = trimesh.load(folder / "gltf" / "spine.glb")
for number, name in levels.items():
    node = scene.graph.nodes_geometry
    mesh = next(g for n, g in ((n, scene.geometry[scene.graph[n][1]]) for n in node) if g.metadata.get("name", n) == name or n == name)
    mesh = mesh.copy()
    x, y, z = mesh.vertices.T * 1000
    mesh.vertices = numpy.column_stack([x, -z, y])
    mesh.merge_vertices(merge_norm=True, merge_tex=True)
    same_bone(f"glb {name}", mesh, number)

data, header = nrrd.read(str(folder / "nrrd" / "labels.seg.nrrd"))
check("nrrd voxels", numpy.array_equal(data, labels))
check("nrrd space", header["space"] == "left-posterior-superior" and
      numpy.allclose(header["space directions"].T, lps_from_voxel[:3, :3], atol=1e-4) and
      numpy.allclose(header["space origin"], lps_from_voxel[:3, 3], atol=1e-3))
named = {int(header[f"Segment{i}_LabelValue"]): header[f"Segment{i}_Name"] for i in range(len(levels))}
check("nrrd names", named == levels, f"{named}")

again = nibabel.load(folder / "nifti" / "labels.nii.gz")
check("nifti", numpy.array_equal(numpy.asarray(again.dataobj), labels) and numpy.allclose(again.affine, image.affine, atol=1e-3))

segmentation = highdicom.seg.segread(str(folder / "dicom-seg" / "labels.dcm"))
check("dicom segments", [d.segment_label for d in (segmentation.get_segment_description(n) for n in segmentation.segment_numbers)] == list(levels.values()))
plain = pydicom.dcmread(folder / "dicom-seg" / "labels.dcm")
frames = plain.pixel_array
frames = frames if frames.ndim == 3 else frames[None]
rebuilt = numpy.zeros_like(labels)
for frame, groups in zip(frames, plain.PerFrameFunctionalGroupsSequence):
    place = numpy.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
    voxel = numpy.linalg.inv(lps_from_voxel) @ numpy.append(place, 1)
    number = list(levels)[groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber - 1]
    rebuilt[:, :, round(voxel[2])][frame.T > 0] = number
wanted = numpy.where(numpy.isin(labels, list(levels)), labels, 0)
check("dicom voxels", numpy.array_equal(rebuilt, wanted), f"{(rebuilt != wanted).sum()} differ")

markups = json.loads((folder / "markups" / "landmarks.mrk.json").read_text())["markups"][0]
points = {p["label"]: numpy.array(p["position"]) for p in markups["controlPoints"]}
for number, name in levels.items():
    if f"{name}-centre" in points:
        off = numpy.linalg.norm(points[f"{name}-centre"] - centre(number))
        check(f"markup {name}", markups["coordinateSystem"] == "LPS" and off < 40, f"body {off:.1f} mm from the label's middle")

lines = (folder / "tfm" / "pose.tfm").read_text().splitlines()
numbers = [float(w) for w in next(l for l in lines if l.startswith("Parameters")).split()[1:]]
parent_to_child = numpy.eye(4)
parent_to_child[:3, :3], parent_to_child[:3, 3] = numpy.reshape(numbers[:9], (3, 3)), numbers[9:]
pose = numpy.loadtxt(folder / "pose.txt").reshape(4, 4)
check("tfm", numpy.allclose(parent_to_child @ pose, numpy.eye(4), atol=1e-9))

solids = {kind: trimesh.load(folder / kind / "spine.stl") for kind in ("printable", "hollow")}
for kind, solid in solids.items():
    check(kind, solid.is_watertight and solid.is_winding_consistent and solid.body_count == 1 and solid.is_volume,
          f"{len(solid.faces)} triangles, {solid.volume / 1000:.0f} cm3")
check("hollow", solids["hollow"].volume < 0.9 * solids["printable"].volume, "less material")
