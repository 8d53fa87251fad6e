// SPDX-License-Identifier: Apache-2.0

using System.Reflection;
using System.Runtime.CompilerServices;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Xunit;

namespace Weir.Datapath.Tests;

public sealed class AbiCheckTests
{
    [Fact]
    public void Run_ThisBuild_FindsNoDifference() => Assert.Empty(AbiCheck.Run());

    [Fact]
    public void Compare_WrongStruct_ListsEveryDifference()
    {
        AbiStruct wrong = new("policy_entry", 20, [new("rule_id", 0, 4), new("verdict", 5, 2), new("flags", 5, 1), new("http_policy", 8, 4), new("audit_rule", 12, 4), new("extra", 16, 4)]);

        Assert.Equal(
            [
                "struct policy_entry has 16 bytes in C, 20 in C#",
                "policy_entry.verdict is at byte 4 in C, 5 in C#",
                "policy_entry.verdict has 1 bytes in C, 2 in C#",
                "policy_entry.extra is missing in C",
            ],
            AbiCheck.Compare(BtfReader.FromElf(DatapathObject.AbiImage), [wrong], mustHaveAll: true));
    }

    [Fact]
    public void Compare_StructGone_SaysSo() => Assert.Equal(
        ["struct none is not in the compiled ABI"],
        AbiCheck.Compare(BtfReader.FromElf(DatapathObject.AbiImage), [new("none", 4, [])], mustHaveAll: true));

    [Fact]
    public void SharedStructs_AllOfThem_HoldNoBoolOrChar()
    {
        // Their size in memory and as marshalled would differ.
        IEnumerable<FieldInfo> fields = typeof(Event).Assembly.GetTypes()
            .Where(t => t.Namespace == typeof(Event).Namespace && t.IsValueType && !t.IsEnum)
            .SelectMany(t => t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic));

        Assert.All(fields, f => Assert.False(f.FieldType == typeof(bool) || f.FieldType == typeof(char), $"{f.DeclaringType!.Name}.{f.Name}"));
        Assert.False(RuntimeHelpers.IsReferenceOrContainsReferences<Event>());
    }

    [Fact]
    public void EveryStructOfTheHeaders_IsKeptInTheAbiObject()
    {
        BtfReader types = BtfReader.FromElf(DatapathObject.AbiImage);
        HashSet<string> known = [.. AbiLayout.All().Select(s => s.Name)];

        Assert.All(types.Types.Where(t => t.Kind == BtfKind.Struct), t => Assert.Contains(t.Name, known));
        Assert.Equal(known.Count, types.Types.Count(t => t.Kind == BtfKind.Struct));
    }

    /// <summary>clang orders them by the addresses that they have in its memory: with two, an object is one of several, by chance,
    /// and with it the executable and whatever is signed or compared.</summary>
    [Fact]
    public void EveryObject_LeavesAtMostOneTypeUndefined() => Assert.All(typeof(DatapathObject).Assembly.GetManifestResourceNames()
        .Where(name => name.EndsWith(".o.gz", StringComparison.Ordinal)), name =>
    {
        IEnumerable<string> undefined = BtfReader.FromElf(DatapathObject.Read(name[..^".o.gz".Length])).Types.Where(t => t.Kind == BtfKind.Forward).Select(t => t.Name);
        Assert.True(undefined.Count() <= 1, $"{name}: {string.Join(", ", undefined)}; see weir_bpf_sock in bpf/lib/maps.h");
    });

    [Fact]
    public void BtfReader_ImageCutAnywhere_ReportsDamageOnly()
    {
        byte[] image = DatapathObject.AbiImage.ToArray();
        for (int length = 0; length < image.Length; length++)
        {
            try
            {
                BtfReader.FromElf(image.AsSpan(0, length));
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    [Fact]
    public void DropReasons_EveryOne_HasNameAndExplanation()
    {
        Assert.All(DropReasons.All, reason =>
        {
            Assert.Matches("^[a-z0-9-]+$", DropReasons.Name(reason));
            Assert.NotEmpty(DropReasons.Explain(reason));
        });
        Assert.Equal("policy-denied", DropReasons.Name(DropReason.PolicyDenied));
    }
}
