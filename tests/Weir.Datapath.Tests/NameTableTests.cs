// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>Names that programs answer for.</summary>
public sealed class NameTableTests : IDisposable
{
    private readonly TestPins _pins = new();

    private DatapathOptions Options => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536 };

    public void Dispose() => _pins.Dispose();

    [PrivilegedFact]
    public void Names_ArePutAndRemoved_AndOutliveTheAgent()
    {
        NameRow[] rows =
        [
            Row(1, "api", "10.40.1.2", "10.40.1.3", "fd40::2"),
            Row(1, "api.app", "10.40.1.2"),
            Row(2, "api", [.. Enumerable.Range(1, NameRow.Longest).Select(n => $"fd41::{n}")]),
        ];
        using (Datapath first = Datapath.Open(Options))
        {
            Assert.Empty(first.ListNames());
            first.PutNames(rows);
            first.PutNames([Row(1, "gone", "10.40.1.9")]);
            first.RemoveNames([Row(1, "gone").Name, Row(7, "never").Name]);
        }

        using Datapath second = Datapath.Open(Options);
        Assert.Equal(rows.Select(Text), second.ListNames().Select(Text));
        second.PutNames([Row(1, "api", "fd40::7")]);
        Assert.Equal(Text(Row(1, "api", "fd40::7")), Text(second.ListNames()[0]));
        Assert.Equal((0UL, 0UL), second.NameAnswers);
    }

    private static string Text(NameRow row) => $"{row.Name.NetworkId} {row.Name.Name}: {string.Join(' ', row.Addresses)}";

    private static NameRow Row(uint network, string name, params string[] addresses)
    {
        Assert.True(DnsName.TryParse(name, out DnsName parsed));
        return new NameRow(new NetworkName(network, parsed), [.. addresses.Select(IPAddress.Parse)]);
    }
}
