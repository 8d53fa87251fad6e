// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using System.Text;
using Weir.Agent;
using Xunit;

namespace Weir.Tests;

public sealed class ServiceManagerNoticeTests
{
    [Theory]
    [InlineData("")]
    [InlineData("@")]
    public void State_IsSentToWhoeverAskedForIt(string kind)
    {
        string name = $"weir-{Guid.NewGuid():N}";
        string path = kind.Length > 0 ? kind + name : Path.Combine(Path.GetTempPath(), name);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };
        socket.Bind(new UnixDomainSocketEndPoint(kind.Length > 0 ? '\0' + name : path));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        try
        {
            ServiceManagerNotice.Ready();
            ServiceManagerNotice.Stopping();
        }
        finally
        {
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", null);
            File.Delete(path);
        }

        byte[] buffer = new byte[64];
        Assert.Equal("READY=1", Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)));
        Assert.Equal("STOPPING=1", Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)));
    }

    [Fact]
    public void NobodyAsked_OrNobodyListens_NothingHappens()
    {
        ServiceManagerNotice.Ready();
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", "/nowhere/at/all");
        ServiceManagerNotice.Ready();
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", null);
    }
}
