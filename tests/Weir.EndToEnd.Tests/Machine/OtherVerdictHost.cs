// SPDX-License-Identifier: Apache-2.0
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>The machine of the tests of HTTP policy whose agent has requests judged the other way than others' do (http-verdict).</summary>
[CollectionDefinition(Name)]
public sealed class OtherVerdictHost : ICollectionFixture<OtherVerdictMachine>
{
    public const string Name = "host of the other verdict";
}
