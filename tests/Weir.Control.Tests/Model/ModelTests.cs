// SPDX-License-Identifier: Apache-2.0
using Xunit;
using Xunit.Sdk;

namespace Weir.Control.Tests.Model;

/// <summary>Random histories of the agent, with failures and ends between any two effects: what packets meet is at every moment
/// the policy before or the one after, and in the end all is in force and nothing else.</summary>
public sealed class ModelTests
{
    private const int Length = 14;

    private static readonly int _histories = int.TryParse(Environment.GetEnvironmentVariable("WEIR_MODEL_HISTORIES"), out int given) ? given : 3000;

    [Fact]
    public void EveryHistory_EndsWithAllInForce_AndIsSafeBetween()
    {
        // The same for everybody; other histories by other seeds.
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WEIR_MODEL_SEED"), out int given) ? given : 1;
        for (int i = 0; i < _histories; i++)
        {
            History history = History.Random(new Random(seed + i), Length);
            if (Fault(history) is { } fault)
            {
                History smallest = history.Shrink(smaller => Fault(smaller) is not null);
                Assert.Fail($"seed {seed + i}: {fault.Message}\n{smallest}\n{Fault(smallest) ?? fault}");
            }
        }
    }

    private static Exception? Fault(History history)
    {
        try
        {
            history.Run();
            return null;
        }
        catch (Exception e) when (e is XunitException or InvalidOperationException or KeyNotFoundException or NullReferenceException or ArgumentException)
        {
            return e;
        }
    }
}
