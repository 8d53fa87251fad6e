// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Control;
using Weir.Docker;
using Xunit;

namespace Weir.Tests;

public sealed class PluginRequestTests
{
    [Fact]
    public void Fields_AreRead()
    {
        PluginRequest request = Parse("""{"NetworkID": "ab12", "Address": "10.0.0.2/32", "Mac": "02:42:0a:00:00:02", "Flag": true, "Options": {"a": {"b": "c"}}, "List": [{"Pool": "10.0.0.0/24"}, 7]}""");
        Assert.Equal("ab12", request.Id("NetworkID"));
        Assert.Equal("10.0.0.2", request.Address("Address")!.ToString());
        Assert.Equal([2, 0x42, 10, 0, 0, 2], request.Mac("Mac")!);
        Assert.True(request.Flag("Flag"));
        Assert.Equal("c", request.Object("Options").Object("a").Text("b"));
        Assert.Equal("10.0.0.0/24", Assert.Single(request.Objects("List")).Prefix("Pool").ToString());
        Assert.Equal(0, request.Number("Missing", 9));
        Assert.Null(request.Address("None"));
        Assert.Empty(request.Object("None").Fields);
    }

    [Theory]
    [InlineData("{}", "NetworkID")]
    [InlineData("""{"NetworkID": ""}""", "NetworkID")]
    [InlineData("""{"NetworkID": null}""", "NetworkID")]
    [InlineData("""{"NetworkID": 7}""", "NetworkID")]
    [InlineData("""{"NetworkID": "../../etc/passwd"}""", "NetworkID")]
    [InlineData("[]", "JSON object")]
    [InlineData("nonsense", "not JSON")]
    [InlineData("{\"a\": ", "not JSON")]
    [InlineData("""{"NetworkID": "\ud800"}""", "NetworkID")]
    public void WrongId_IsSaidByField(string body, string expected)
    {
        ControlException e = Assert.Throws<ControlException>(() => Parse(body).Id("NetworkID"));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongValues_AreRefused()
    {
        PluginRequest request = Parse("""{"Address": "10.0.0", "Mac": "02:42", "Pool": "x/24"}""");
        Assert.Throws<ControlException>(() => request.Address("Address"));
        Assert.Throws<ControlException>(() => request.Mac("Mac"));
        Assert.Throws<ControlException>(() => request.Prefix("Pool"));
        Assert.Throws<ControlException>(() => request.Prefix("None"));
    }

    [Fact]
    public void RandomBytes_NeverEndInAnythingButARefusal()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        byte[] good = Encoding.UTF8.GetBytes("""{"NetworkID": "ab12", "Options": {"com.docker.network.generic": {"a": "b"}}, "IPv4Data": [{"Pool": "10.0.0.0/24", "Gateway": "10.0.0.1/24"}]}""");
        for (int i = 0; i < 20_000; i++)
        {
            byte[] body = good[..random.Next(good.Length + 1)];
            for (int n = random.Next(4); n > 0 && body.Length > 0; n--)
            {
                body[random.Next(body.Length)] = (byte)random.Next(256);
            }

            try
            {
                PluginRequest request = PluginRequest.Parse(body);
                request.Id("NetworkID");
                _ = request.Objects("IPv4Data").Select(data => (data.Prefix("Pool"), data.Address("Gateway"))).ToList();
            }
            catch (ControlException)
            {
                // What a refusal is.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, body {Encoding.UTF8.GetString(body)}: {e}");
            }
        }
    }

    private static PluginRequest Parse(string body) => PluginRequest.Parse(Encoding.UTF8.GetBytes(body));
}
