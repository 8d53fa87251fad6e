// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Google.Protobuf;
using Weir.Api;
using Weir.Http.Rules;
using Xunit;

namespace Weir.Proxy.Tests;

public sealed class ProxyLinkTests
{
    /// <summary>Whoever applies a policy must not wait for ever for a proxy that is stopped in the midst.</summary>
    [Fact]
    public async Task ProxyThatReadsNothing_IsGivenUp()
    {
        const int ManyMoreThanFit = 100_000;
        string path = Path.Combine(Path.GetTempPath(), $"weir-{Guid.NewGuid():N}.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            listener.Listen();
            Task<Socket> accepting = listener.AcceptAsync();
            Task<ProxyLink?> connecting = Task.Run(() => ProxyLink.TryConnect(path));
            using Socket stopped = await accepting;
            await using (var stream = new NetworkStream(stopped))
            {
                new FromProxy { Hello = new ProxyHello { Pid = 1 } }.WriteDelimitedTo(stream);
                using ProxyLink link = (await connecting)!;
                var policy = new HttpPolicy([new HttpAllowance(1, new HttpRule("GET", "/public", null, []))]);
                Assert.Throws<IOException>(() => link.Send(1, Enumerable.Repeat(policy, ManyMoreThanFit)));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
