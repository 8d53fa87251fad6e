// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Weir.Testing;
using Xunit;

namespace Weir.Linux.Tests;

public sealed class NetworkNamespaceTests
{
    [PrivilegedFact]
    public void Run_OtherNamespace_LeavesTheCallerWhereItWas()
    {
        string Where() => File.ResolveLinkTarget("/proc/thread-self/ns/net", false)!.Name;
        using var other = new TestNamespace();
        string before = Where();

        string inside = other.Run(Where);

        Assert.NotEqual(before, inside);
        Assert.Equal(before, Where());
    }

    [PrivilegedFact]
    public void Run_WorkFails_ThrowsItsException()
    {
        using var other = new TestNamespace();

        Assert.Throws<InvalidOperationException>(() => other.Run(() => throw new InvalidOperationException("x")));
    }

    [PrivilegedFact]
    public void Run_NoSuchPath_NamesIt()
    {
        LinuxException e = Assert.Throws<LinuxException>(() => NetworkNamespace.Run("/run/none", () => 0));

        Assert.Contains("/run/none", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PeerCredentials_OwnSocketPair_AreThisProcess()
    {
        string path = Path.Combine(Path.GetTempPath(), $"weir-{Guid.NewGuid():N}.sock");
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(path));
        server.Listen();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        using Socket accepted = server.Accept();

        Assert.Equal(Environment.ProcessId, PeerCredentials.Of(accepted).ProcessId);
        File.Delete(path);
    }

    [Fact]
    public void MonotonicNs_Twice_DoesNotGoBack()
    {
        ulong first = Clock.MonotonicNs();

        Assert.InRange(Clock.MonotonicNs(), first, first + 60_000_000_000);
    }
}
