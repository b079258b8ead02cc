// Writes one reference message of each type with the C++ library, for
// engine/tests/openigtlink. Run by make_golden.sh; the file names are the
// message types. Every time stamp is 1700000000.25 s.
#include <igtlCapabilityMessage.h>
#include <igtlImageMessage.h>
#include <igtlPointMessage.h>
#include <igtlPolyDataMessage.h>
#include <igtlPositionMessage.h>
#include <igtlQuaternionTrackingDataMessage.h>
#include <igtlStatusMessage.h>
#include <igtlStringMessage.h>
#include <igtlTrackingDataMessage.h>
#include <igtlTransformMessage.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace {

const float kPosition[3] = {1.5f, -2.25f, 3.125f};
const float kQuaternion[4] = {0.18257419f, 0.36514837f, 0.5477226f, 0.7302967f};

void Pose(igtl::Matrix4x4& matrix) {
  igtl::IdentityMatrix(matrix);
  float q[4] = {kQuaternion[0], kQuaternion[1], kQuaternion[2], kQuaternion[3]};
  igtl::QuaternionToMatrix(q, matrix);
  for (int i = 0; i < 3; ++i) matrix[i][3] = kPosition[i];
}

template <class Message>
typename Message::Pointer Named(const char* device) {
  typename Message::Pointer message = Message::New();
  message->SetDeviceName(device);
  igtl::TimeStamp::Pointer time = igtl::TimeStamp::New();
  time->SetTime(1700000000, 250000000);  // nanoseconds
  message->SetTimeStamp(time);
  return message;
}

template <class Pointer>
void Write(const std::string& name, Pointer message) {
  message->Pack();
  std::ofstream(name + ".bin", std::ios::binary)
      .write(static_cast<const char*>(message->GetPackPointer()), message->GetPackSize());
}

void Poses() {
  igtl::Matrix4x4 pose;
  Pose(pose);
  auto transform = Named<igtl::TransformMessage>("ProbeToTracker");
  transform->SetMatrix(pose);
  Write("TRANSFORM", transform);

  auto tracking = Named<igtl::TrackingDataMessage>("Tracker");
  for (const char* name : {"Reference", "Stylus"}) {
    auto tool = igtl::TrackingDataElement::New();
    tool->SetName(name);
    tool->SetType(igtl::TrackingDataElement::TYPE_6D);
    tool->SetMatrix(pose);
    tracking->AddTrackingDataElement(tool);
  }
  Write("TDATA", tracking);

  auto quaternions = Named<igtl::QuaternionTrackingDataMessage>("Tracker");
  auto tool = igtl::QuaternionTrackingDataElement::New();
  tool->SetName("Stylus");
  tool->SetType(igtl::QuaternionTrackingDataElement::TYPE_6D);
  tool->SetPosition(kPosition[0], kPosition[1], kPosition[2]);
  float q[4] = {kQuaternion[0], kQuaternion[1], kQuaternion[2], kQuaternion[3]};
  tool->SetQuaternion(q);
  quaternions->AddQuaternionTrackingDataElement(tool);
  Write("QTDATA", quaternions);

  auto position = Named<igtl::PositionMessage>("Pos");
  position->SetPosition(kPosition);
  position->SetQuaternion(kQuaternion);
  Write("POSITION", position);  // its short forms overrun the library's own buffer
}

void Requests() {
  auto start = Named<igtl::StartTrackingDataMessage>("Tracker");
  start->SetResolution(40);
  start->SetCoordinateName("Patient");
  Write("STT_TDATA", start);
  Write("STP_TDATA", Named<igtl::StopTrackingDataMessage>("Tracker"));
  auto reply = Named<igtl::RTSTrackingDataMessage>("Tracker");
  reply->SetStatus(igtl::RTSTrackingDataMessage::STATUS_SUCCESS);
  Write("RTS_TDATA", reply);
  auto start_quaternions = Named<igtl::StartQuaternionTrackingDataMessage>("Tracker");
  start_quaternions->SetResolution(0);
  start_quaternions->SetCoordinateName("");
  Write("STT_QTDATA", start_quaternions);
  Write("STP_QTDATA", Named<igtl::StopQuaternionTrackingDataMessage>("Tracker"));
  Write("GET_STATUS", Named<igtl::GetStatusMessage>("Dev"));
  Write("GET_CAPABIL", Named<igtl::GetCapabilityMessage>("Dev"));
  auto capability = Named<igtl::CapabilityMessage>("Dev");
  capability->SetTypes({"TRANSFORM", "TDATA", "GET_CAPABIL"});
  Write("CAPABILITY", capability);
}

void Texts() {
  auto status = Named<igtl::StatusMessage>("Dev");
  status->SetCode(igtl::StatusMessage::STATUS_OK);
  status->SetSubCode(128);
  status->SetErrorName("OK");
  status->SetStatusString("running");
  Write("STATUS", status);
  auto text = Named<igtl::StringMessage>("Str");
  text->SetString("hello");
  Write("STRING", text);
}

void Geometry() {
  auto image = Named<igtl::ImageMessage>("Img");
  int size[3] = {4, 3, 2};
  float spacing[3] = {0.7f, 0.7f, 2.5f};
  image->SetDimensions(size);
  image->SetSpacing(spacing);
  image->SetScalarType(igtl::ImageMessage::TYPE_INT16);
  image->SetEndian(igtl::ImageMessage::ENDIAN_LITTLE);  // the library does not find out by itself
  image->AllocateScalars();
  short* voxels = static_cast<short*>(image->GetScalarPointer());
  for (int i = 0; i < 24; ++i) voxels[i] = static_cast<short>(i * 100 - 1000);
  igtl::Matrix4x4 pose;
  Pose(pose);
  image->SetMatrix(pose);
  Write("IMAGE", image);

  auto points = Named<igtl::PointMessage>("Fid");
  auto point = igtl::PointElement::New();
  point->SetName("L1-tip");
  point->SetGroupName("GROUP_0");
  point->SetRGBA(0xff, 0, 0, 0xff);
  point->SetPosition(1, 2, 3);
  point->SetRadius(1.5f);
  point->SetOwner("CT");
  points->AddPointElement(point);
  Write("POINT", points);

  auto surface = Named<igtl::PolyDataMessage>("Spine");
  auto corners = igtl::PolyDataPointArray::New();
  float coordinates[4][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (auto& corner : coordinates) corners->AddPoint(corner);
  auto faces = igtl::PolyDataCellArray::New();
  igtlUint32 first[3] = {0, 1, 2}, second[3] = {0, 1, 3};
  faces->AddCell(3, first);
  faces->AddCell(3, second);
  surface->SetPoints(corners);
  surface->SetPolygons(faces);
  Write("POLYDATA", surface);
}

}  // namespace

int main() {
  Poses();
  Requests();
  Texts();
  Geometry();
}
