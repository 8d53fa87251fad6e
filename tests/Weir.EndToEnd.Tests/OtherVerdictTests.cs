// SPDX-License-Identifier: Apache-2.0
using Weir.EndToEnd.Tests.Machine;
using Xunit;
using Xunit.Abstractions;

namespace Weir.EndToEnd.Tests;

/// <summary>Tests of HTTP policy once more, with requests judged the other way than by default: whoever judges, it is the same.</summary>
public static class OtherVerdictTests
{
    [Collection(OtherVerdictHost.Name)]
    public sealed class Policy(OtherVerdictMachine machine) : HttpPolicyTests(machine.Host);

    [Collection(OtherVerdictHost.Name)]
    public sealed class Http2(OtherVerdictMachine machine) : Http2PolicyTests(machine.Host);

    [Collection(OtherVerdictHost.Name)]
    public sealed class Hostile(OtherVerdictMachine machine, ITestOutputHelper output) : HttpHostileTests(machine.Host, output);

    [Collection(OtherVerdictHost.Name)]
    public sealed class Clients(OtherVerdictMachine machine) : HttpClientsTests(machine.Host);

    [Collection(OtherVerdictHost.Name)]
    public sealed class Served(OtherVerdictMachine machine) : HttpServedTests(machine.Host);

    [Collection(OtherVerdictHost.Name)]
    public sealed class Lifecycle(OtherVerdictMachine machine) : HttpLifecycleTests(machine.Host);
}
