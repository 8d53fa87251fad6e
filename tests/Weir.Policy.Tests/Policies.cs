// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Xunit;

namespace Weir.Policy.Tests;

/// <summary>Shortcuts from text to answers.</summary>
internal static class Policies
{
    public static PolicyReadResult Read(string text, string file = "test.yaml") => PolicyReader.Read(file, text);

    public static PolicyEngine Engine(string text, EnforcementMode mode = EnforcementMode.Default)
    {
        var result = Read(text);
        Assert.DoesNotContain(result.Problems, problem => problem.IsError);
        return new PolicyEngine(PolicySet.Empty.With(result.Documents), mode);
    }

    public static bool In(this PolicyEngine engine, PolicyPeer subject, PolicyPeer from, ushort port, IpProtocol protocol = IpProtocol.Tcp) =>
        engine.Decide(subject, from, PolicyDirection.Ingress, protocol, port).Allowed;

    public static bool Out(this PolicyEngine engine, PolicyPeer subject, PolicyPeer to, ushort port, IpProtocol protocol = IpProtocol.Tcp) =>
        engine.Decide(subject, to, PolicyDirection.Egress, protocol, port).Allowed;
}
