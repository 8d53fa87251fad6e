// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text;
using Weir.Bpf.Btf;
using Weir.Bpf.Interop;
using Weir.Linux;

namespace Weir.Bpf;

/// <summary>One instance of a compiled object: opened from memory, specialised, loaded once.
/// Dispose it when its programs are attached or pinned; they stay.</summary>
public sealed unsafe class BpfObject : IDisposable
{
    private const string ReadOnlyData = ".rodata";
    private const string ZeroData = ".bss";
    private const uint KindInteger = 1;
    private const uint KindDataSection = 15;

    private readonly string _name;
    private readonly byte* _image;
    private readonly Dictionary<string, nint> _maps = [];
    private readonly Dictionary<string, Variable> _variables = []; // that are maps
    private nint _handle;
    private bool _loaded;

    private BpfObject(string name, byte* image, nint handle)
    {
        _name = name;
        _image = image;
        _handle = handle;
        for (nint map = Libbpf.NextMap(_handle, 0); map != 0; map = Libbpf.NextMap(_handle, map))
        {
            string declared = Marshal.PtrToStringUTF8((nint)Libbpf.MapName(map)) ?? "";
            Variable? only = Libbpf.MapIsInternal(map) == 0 ? null : FindOnlyVariable(declared);
            _maps[only?.Name ?? declared] = map;
            if (only is { } variable)
            {
                _variables[variable.Name] = variable;
            }
        }
    }

    /// <summary>Opens an ELF image; nothing reaches the kernel yet.</summary>
    /// <param name="name">Serves messages, and prefixes the names of its own data maps.</param>
    public static BpfObject Open(ReadOnlySpan<byte> image, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Libbpf.CollectComplaints();
        Libbpf.Complaints.Clear();

        // libbpf reads the image again while loading: keep a copy as long as the object.
        byte* copy = (byte*)NativeMemory.Alloc((nuint)Math.Max(image.Length, 1));
        image.CopyTo(new Span<byte>(copy, image.Length));
        fixed (byte* objectName = Encoding.UTF8.GetBytes(name + "\0"))
        {
            var options = new Libbpf.OpenOptions { Size = (nuint)sizeof(Libbpf.OpenOptions), ObjectName = objectName };
            nint handle = Libbpf.OpenMemory(copy, (nuint)image.Length, &options);
            if (handle == 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                NativeMemory.Free(copy);
                throw new LinuxException(errno, $"open BPF object {name}", Libbpf.Complaints.Take());
            }

            return new BpfObject(name, copy, handle);
        }
    }

    /// <summary>The maps it declares: those in .maps, and variables that are alone in their sections, each an array of one
    /// value by the variable's name. Not its constants.</summary>
    public IReadOnlyList<BpfMapSpec> DeclaredMaps() =>
    [
        .. _maps.Where(map => !map.Key.Contains('.', StringComparison.Ordinal)).Select(map => _variables.TryGetValue(map.Key, out Variable variable)
            ? Describe(map.Value) with { Name = map.Key, Types = new MapTypes(Libbpf.FindBtfType(Libbpf.ObjectBtf(_handle), "unsigned int", KindInteger), variable.Type) }
            : Describe(map.Value)),
    ];

    /// <summary>Loads its types alone: maps that it declares may be made with them.</summary>
    internal LoadedTypes LoadTypes()
    {
        nint types = Libbpf.ObjectBtf(_handle);
        int result = types == 0 ? -Errno.NoEntry : Libbpf.LoadBtf(types);
        return result >= 0
            ? new LoadedTypes(FileDescriptor.Duplicate(Libbpf.BtfFd(types)))
            : throw new LinuxException(-result, $"load the types of object {_name}", Libbpf.Complaints.Take());
    }

    /// <summary>Writes a constant of .rodata. Before <see cref="Load"/> only.</summary>
    public void SetRodata(ReadOnlySpan<byte> value, string variable)
    {
        if (_loaded)
        {
            throw new InvalidOperationException($"object {_name} is loaded: its constants are frozen");
        }

        (uint offset, uint size) = FindConstant(variable);
        nuint total;
        byte* data = (byte*)Libbpf.MapInitialValue(FindReadOnlyData(), &total);
        if (size != value.Length || data is null || offset + size > total)
        {
            throw new ArgumentException($"constant {variable} of object {_name} has {size} bytes, not {value.Length}");
        }

        value.CopyTo(new Span<byte>(data + offset, (int)size));
    }

    /// <summary>Uses an existing map in place of the declared one; the caller has compared them.</summary>
    public void ReuseMap(string name, BpfMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        int result = Libbpf.ReuseFd(FindMap(name), map.Fd);
        if (result < 0)
        {
            throw new LinuxException(-result, $"use map {name} in object {_name}", Libbpf.Complaints.Take());
        }
    }

    /// <summary>Gives a map of its own another size than the declared one. Before <see cref="Load"/> only.</summary>
    public void SetMaxEntries(string map, uint entries)
    {
        int result = Libbpf.SetMapMaxEntries(FindMap(map), entries);
        if (result < 0)
        {
            throw new LinuxException(-result, $"give map {map} of object {_name} {entries} entries", Libbpf.Complaints.Take());
        }
    }

    /// <summary>Makes the maps that are not reused and loads every program.</summary>
    /// <exception cref="VerifierException">A program was refused.</exception>
    public void Load()
    {
        Libbpf.Complaints.Clear();
        int result = Libbpf.Load(_handle);
        if (result < 0)
        {
            throw new VerifierException(_name, -result, Libbpf.Complaints.Take());
        }

        _loaded = true;
    }

    /// <summary>A program of the loaded object; valid until the object is disposed.</summary>
    public BpfProgram Program(string name)
    {
        nint program = Libbpf.FindProgram(_handle, name);
        return program != 0 && _loaded
            ? new BpfProgram(name, Libbpf.ProgramFd(program))
            : throw new ArgumentException($"object {_name} has no loaded program {name}");
    }

    /// <summary>A map of the loaded object, by a descriptor of the caller's own.</summary>
    public BpfMap Map(string name) => BpfMap.FromFd(FileDescriptor.Duplicate(Libbpf.MapFd(FindMap(name))));

    public void Dispose()
    {
        if (_handle != 0)
        {
            Libbpf.Close(_handle);
            _handle = 0;
            NativeMemory.Free(_image);
        }
    }

    private static BpfMapSpec Describe(nint map)
    {
        nint inner = Libbpf.InnerMap(map);
        return new BpfMapSpec(
            Marshal.PtrToStringUTF8((nint)Libbpf.MapName(map)) ?? "",
            (BpfMapType)Libbpf.MapType(map),
            Libbpf.MapKeySize(map),
            Libbpf.MapValueSize(map),
            Libbpf.MapMaxEntries(map),
            (BpfMapFlags)Libbpf.MapFlags(map),
            inner == 0 ? null : Describe(inner),
            new MapTypes((int)Libbpf.MapKeyType(map), (int)Libbpf.MapValueType(map)));
    }

    private nint FindMap(string name) =>
        _maps.TryGetValue(name, out nint map) ? map : throw new ArgumentException($"object {_name} declares no map {name}");

    private nint FindReadOnlyData()
    {
        foreach ((string name, nint map) in _maps)
        {
            if (name.EndsWith(ReadOnlyData, StringComparison.Ordinal))
            {
                return map;
            }
        }

        throw new ArgumentException($"object {_name} has no {ReadOnlyData}");
    }

    /// <summary>Where the variable lies in .rodata.</summary>
    private (uint Offset, uint Size) FindConstant(string variable)
    {
        foreach (Variable found in VariablesOf(ReadOnlyData))
        {
            if (found.Name == variable)
            {
                return (found.Offset, found.Size);
            }
        }

        throw new ArgumentException($"object {_name} has no constant {variable} in {ReadOnlyData}");
    }

    /// <summary>Null: the map is of constants, or of several variables.</summary>
    /// <param name="map">As libbpf calls it: by its section, or by the object and .bss.</param>
    private Variable? FindOnlyVariable(string map)
    {
        if (map.EndsWith(ReadOnlyData, StringComparison.Ordinal))
        {
            return null;
        }

        return VariablesOf(map.EndsWith(ZeroData, StringComparison.Ordinal) ? ZeroData : map) is [var only] ? only : null;
    }

    /// <summary>A section's variables by the object's BTF (struct btf_type, btf_var_secinfo).</summary>
    private List<Variable> VariablesOf(string sectionName)
    {
        List<Variable> variables = [];
        nint btf = Libbpf.ObjectBtf(_handle);
        int sectionId = btf == 0 ? -1 : Libbpf.FindBtfType(btf, sectionName, KindDataSection);
        if (sectionId > 0)
        {
            uint* section = Libbpf.BtfTypeById(btf, (uint)sectionId);
            uint count = section[1] & 0xffff;
            for (uint* entry = section + 3; count > 0; count--, entry += 3)
            {
                uint* variable = Libbpf.BtfTypeById(btf, entry[0]);
                string name = Marshal.PtrToStringUTF8((nint)Libbpf.BtfName(btf, variable[0])) ?? "";
                variables.Add(new Variable(name, (int)variable[2], entry[1], entry[2]));
            }
        }

        return variables;
    }

    /// <param name="Type">Its number in the object's BTF.</param>
    /// <param name="Offset">In its section.</param>
    private readonly record struct Variable(string Name, int Type, uint Offset, uint Size);
}
