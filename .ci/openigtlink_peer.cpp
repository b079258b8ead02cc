// A peer made with the C++ OpenIGTLink library, for openigtlink_peer.sh:
//
//     peer serve KIND          prints its port, sends KIND to one client
//     peer receive PORT KIND   prints the first KIND that comes
//
// KIND is TRANSFORM, TDATA, IMAGE or POLYDATA. TDATA only after STT_TDATA, and
// until STP_TDATA.
#include <igtlClientSocket.h>
#include <igtlImageMessage.h>
#include <igtlPolyDataMessage.h>
#include <igtlServerSocket.h>
#include <igtlTrackingDataMessage.h>
#include <igtlTransformMessage.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

using Socket = igtl::ClientSocket::Pointer;

void Pose(igtl::Matrix4x4& m) {
  const float values[4][4] = {{0, -1, 0, 1.5f}, {1, 0, 0, -2.25f}, {0, 0, 1, 3.125f}, {0, 0, 0, 1}};
  std::memcpy(m, values, sizeof values);
}

void Print(const igtl::Matrix4x4& m) {
  // Adding zero makes of -0 a 0.
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 4; ++c) std::printf(" %.3f", static_cast<double>(m[r][c]) + 0.0);
}

template <class Message>
typename Message::Pointer Named(const char* device) {
  typename Message::Pointer message = Message::New();
  message->SetDeviceName(device);
  igtl::TimeStamp::Pointer time = igtl::TimeStamp::New();
  time->GetTime();
  message->SetTimeStamp(time);
  return message;
}

template <class Pointer>
bool Send(Socket& socket, Pointer message) {
  message->Pack();
  return socket->Send(message->GetPackPointer(), message->GetPackSize());
}

void SendImage(Socket& socket) {
  auto image = Named<igtl::ImageMessage>("Reference");
  int size[3] = {4, 3, 2};
  float spacing[3] = {0.5f, 0.75f, 2.5f};
  image->SetDimensions(size);
  image->SetSpacing(spacing);
  image->SetScalarType(igtl::ImageMessage::TYPE_INT16);
  image->SetEndian(igtl::ImageMessage::ENDIAN_LITTLE);
  image->AllocateScalars();
  for (int i = 0; i < 24; ++i) static_cast<short*>(image->GetScalarPointer())[i] = static_cast<short>(i);
  igtl::Matrix4x4 matrix;
  igtl::IdentityMatrix(matrix);
  for (int i = 0; i < 3; ++i) matrix[i][3] = 10.0f * static_cast<float>(i + 1);
  image->SetMatrix(matrix);
  Send(socket, image);
}

void SendSurface(Socket& socket) {
  auto surface = Named<igtl::PolyDataMessage>("Reference");
  auto points = igtl::PolyDataPointArray::New();
  float corners[4][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (auto& corner : corners) points->AddPoint(corner);
  auto faces = igtl::PolyDataCellArray::New();
  igtlUint32 first[3] = {0, 1, 2}, second[3] = {0, 1, 3};
  faces->AddCell(3, first);
  faces->AddCell(3, second);
  surface->SetPoints(points);
  surface->SetPolygons(faces);
  Send(socket, surface);
}

void SendTools(Socket& socket) {
  auto tracking = Named<igtl::TrackingDataMessage>("Reference");
  igtl::Matrix4x4 matrices[2];
  igtl::IdentityMatrix(matrices[0]);
  Pose(matrices[1]);
  const char* names[2] = {"Reference", "Stylus"};
  for (int i = 0; i < 2; ++i) {
    auto tool = igtl::TrackingDataElement::New();
    tool->SetName(names[i]);
    tool->SetType(igtl::TrackingDataElement::TYPE_6D);
    tool->SetMatrix(matrices[i]);
    tracking->AddTrackingDataElement(tool);
  }
  Send(socket, tracking);
}

// The next header; false when the connection is over.
bool Receive(Socket& socket, igtl::MessageHeader::Pointer& header) {
  header = igtl::MessageHeader::New();
  header->InitPack();
  if (socket->Receive(header->GetPackPointer(), header->GetPackSize()) != header->GetPackSize()) return false;
  return header->Unpack() & igtl::MessageHeader::UNPACK_HEADER;
}

// The body behind `header`, with its CRC checked.
template <class Pointer>
bool Body(Socket& socket, igtl::MessageHeader::Pointer& header, Pointer message) {
  message->SetMessageHeader(header);
  message->AllocatePack();
  socket->Receive(message->GetPackBodyPointer(), message->GetPackBodySize());
  return message->Unpack(1) & igtl::MessageHeader::UNPACK_BODY;
}

int Serve(const std::string& kind) {
  auto server = igtl::ServerSocket::New();
  if (server->CreateServer(0) < 0) return 1;
  std::printf("{\"port\":%d}\n", server->GetServerPort());
  std::fflush(stdout);
  Socket socket = server->WaitForConnection(15000);
  if (socket.IsNull()) return 1;
  if (kind == "TDATA") {
    igtl::MessageHeader::Pointer header;
    if (!Receive(socket, header) || std::string(header->GetDeviceType()) != "STT_TDATA") return 1;
    auto start = igtl::StartTrackingDataMessage::New();
    if (!Body(socket, header, start) || start->GetResolution() != 20) return 1;
    for (int i = 0; i < 5; ++i) SendTools(socket);
    if (!Receive(socket, header) || std::string(header->GetDeviceType()) != "STP_TDATA") return 1;
    return 0;
  }
  for (int i = 0; i < 50; ++i) {
    if (kind == "TRANSFORM") {
      auto transform = Named<igtl::TransformMessage>("Reference");
      igtl::Matrix4x4 pose;
      Pose(pose);
      transform->SetMatrix(pose);
      if (!Send(socket, transform)) break;
    } else if (kind == "IMAGE") {
      SendImage(socket);
    } else {
      SendSurface(socket);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return 0;
}

void PrintTools(igtl::TrackingDataMessage::Pointer& tracking) {
  for (int i = 0; i < tracking->GetNumberOfTrackingDataElements(); ++i) {
    igtl::TrackingDataElement::Pointer tool;
    tracking->GetTrackingDataElement(i, tool);
    igtl::Matrix4x4 matrix;
    tool->GetMatrix(matrix);
    std::printf(" %s", tool->GetName());
    Print(matrix);
  }
}

void PrintImage(igtl::ImageMessage::Pointer& image) {
  int size[3];
  float spacing[3];
  image->GetDimensions(size);
  image->GetSpacing(spacing);
  igtl::Matrix4x4 matrix;
  image->GetMatrix(matrix);
  std::printf(" %d %d %d %.2f %.2f %.2f", size[0], size[1], size[2], spacing[0], spacing[1], spacing[2]);
  Print(matrix);
  const short* voxels = static_cast<short*>(image->GetScalarPointer());
  std::printf(" %d %d", voxels[1], voxels[23]);
}

void PrintSurface(igtl::PolyDataMessage::Pointer& surface) {
  auto points = surface->GetPoints();
  for (int i = 0; i < static_cast<int>(points->GetNumberOfPoints()); ++i) {
    igtlFloat32 p[3];
    points->GetPoint(i, p);
    std::printf(" %g,%g,%g", p[0] + 0.0, p[1] + 0.0, p[2] + 0.0);
  }
  std::printf(" %d", static_cast<int>(surface->GetPolygons()->GetNumberOfCells()));
}

int ReceiveOne(int port, const std::string& kind) {
  auto socket = igtl::ClientSocket::New();
  if (socket->ConnectToServer("127.0.0.1", port) != 0) return 1;
  socket->SetReceiveTimeout(15000);
  if (kind == "TDATA") {
    auto start = igtl::StartTrackingDataMessage::New();
    start->SetDeviceName("peer");
    start->SetResolution(20);
    start->SetCoordinateName("");
    Send(socket, start);
  }
  igtl::MessageHeader::Pointer header;
  while (Receive(socket, header)) {
    const std::string type = header->GetDeviceType();
    if (type != kind) {
      socket->Skip(header->GetBodySizeToRead(), 0);
      continue;
    }
    bool is_whole = false;
    std::printf("%s %s", type.c_str(), header->GetDeviceName());
    if (kind == "TRANSFORM") {
      auto transform = igtl::TransformMessage::New();
      is_whole = Body(socket, header, transform);
      igtl::Matrix4x4 matrix;
      transform->GetMatrix(matrix);
      Print(matrix);
    } else if (kind == "TDATA") {
      auto tracking = igtl::TrackingDataMessage::New();
      is_whole = Body(socket, header, tracking);
      PrintTools(tracking);
      Send(socket, Named<igtl::StopTrackingDataMessage>("peer"));
    } else if (kind == "IMAGE") {
      auto image = igtl::ImageMessage::New();
      is_whole = Body(socket, header, image);
      PrintImage(image);
    } else {
      auto surface = igtl::PolyDataMessage::New();
      is_whole = Body(socket, header, surface);
      PrintSurface(surface);
    }
    std::printf("\n");
    return is_whole ? 0 : 1;
  }
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = count > 2 ? arguments[1] : "";
  if (role == "serve" && count == 3) return Serve(arguments[2]);
  if (role == "receive" && count == 4) return ReceiveOne(std::atoi(arguments[2]), arguments[3]);
  std::fprintf(stderr, "peer serve KIND | receive PORT KIND\n");
  return 2;
}
