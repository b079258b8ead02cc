// A relay made with the C++ OpenIGTLink library, as a PLUS-style server would
// use it: reads TRANSFORM messages of a tracker, checks and unpacks each, packs
// its pose again and sends it to one client at once, without a timer.
//
//     libopenigtlink TRACKER_PORT      prints {"port": N}, runs until killed
#include <igtlClientSocket.h>
#include <igtlServerSocket.h>
#include <igtlTransformMessage.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int count, char** arguments) {
  if (count != 2) return 2;
  auto tracker = igtl::ClientSocket::New();
  if (tracker->ConnectToServer("127.0.0.1", std::atoi(arguments[1])) != 0) return 1;
  auto server = igtl::ServerSocket::New();
  if (server->CreateServer(0) < 0) return 1;
  std::printf("{\"port\": %d}\n", server->GetServerPort());
  std::fflush(stdout);
  igtl::ClientSocket::Pointer client = server->WaitForConnection(15000);
  if (client.IsNull()) return 1;

  auto header = igtl::MessageHeader::New();
  auto time = igtl::TimeStamp::New();
  for (;;) {
    header->InitPack();
    if (tracker->Receive(header->GetPackPointer(), header->GetPackSize()) != header->GetPackSize()) return 0;
    header->Unpack();
    if (std::strcmp(header->GetDeviceType(), "TRANSFORM") != 0) {
      tracker->Skip(header->GetBodySizeToRead(), 0);
      continue;
    }
    auto received = igtl::TransformMessage::New();
    received->SetMessageHeader(header);
    received->AllocatePack();
    tracker->Receive(received->GetPackBodyPointer(), received->GetPackBodySize());
    if (!(received->Unpack(1) & igtl::MessageHeader::UNPACK_BODY)) continue;
    igtl::Matrix4x4 pose;
    received->GetMatrix(pose);
    received->GetTimeStamp(time);

    auto sent = igtl::TransformMessage::New();
    sent->SetDeviceName(received->GetDeviceName());
    sent->SetTimeStamp(time);
    sent->SetMatrix(pose);
    sent->Pack();
    if (!client->Send(sent->GetPackPointer(), sent->GetPackSize())) return 0;
  }
}
