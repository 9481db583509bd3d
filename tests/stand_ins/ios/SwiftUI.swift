@_exported import Foundation

public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}
extension Never: View { public var body: Never { fatalError() } }

public struct TupleView<each Content>: View { public var body: Never { fatalError() } }

@resultBuilder public enum ViewBuilder {
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<repeat each Content> {
        TupleView()
    }
}

public struct Color { public static let secondary = Color() }
public struct Font {
    public static let largeTitle = Font()
    public func bold() -> Font { self }
}
public enum HorizontalAlignment { case leading }
public enum ControlSize { case large }
public struct BorderedProminentButtonStyle {}
public struct PlainListStyle {}
public protocol PrimitiveButtonStyle {}
public protocol ListStyle {}
extension BorderedProminentButtonStyle: PrimitiveButtonStyle {}
extension PlainListStyle: ListStyle {}
extension PrimitiveButtonStyle where Self == BorderedProminentButtonStyle {
    public static var borderedProminent: BorderedProminentButtonStyle { .init() }
}
extension ListStyle where Self == PlainListStyle { public static var plain: PlainListStyle { .init() } }

extension View {
    public func buttonStyle<S: PrimitiveButtonStyle>(_ style: S) -> some View { self }
    public func controlSize(_ size: ControlSize) -> some View { self }
    public func listStyle<S: ListStyle>(_ style: S) -> some View { self }
    public func font(_ font: Font?) -> some View { self }
    public func padding() -> some View { self }
}

public struct Text: View {
    public init<S: StringProtocol>(_ content: S) {}
    public func foregroundColor(_ color: Color?) -> Text { self }
    public func font(_ font: Font?) -> Text { self }
    public func monospacedDigit() -> Text { self }
    public var body: Never { fatalError() }
}
public struct Spacer: View {
    public init() {}
    public var body: Never { fatalError() }
}
public struct Button<Label: View>: View {
    public var body: Never { fatalError() }
}
extension Button where Label == Text {
    public init<S: StringProtocol>(_ title: S, action: @escaping () -> Void) {}
}
public struct VStack<Content: View>: View {
    public init(alignment: HorizontalAlignment, spacing: Double? = nil, @ViewBuilder content: () -> Content) {}
    public var body: Never { fatalError() }
}
public struct HStack<Content: View>: View {
    public init(@ViewBuilder content: () -> Content) {}
    public var body: Never { fatalError() }
}
public struct List<Content: View>: View {
    public init<Data: RandomAccessCollection, ID: Hashable>(
        _ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder rowContent: @escaping (Data.Element) -> Content
    ) {}
    public var body: Never { fatalError() }
}
public struct Slider<Label: View, ValueLabel: View>: View {
    public init<V: BinaryFloatingPoint>(
        value: Binding<V>, in bounds: ClosedRange<V>, @ViewBuilder label: () -> Label,
        @ViewBuilder minimumValueLabel: () -> ValueLabel, @ViewBuilder maximumValueLabel: () -> ValueLabel
    ) {}
    public var body: Never { fatalError() }
}

public struct Binding<Value> {
    let value: Value
}
public protocol ObservableObject: AnyObject {}
@propertyWrapper public struct Published<Value> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}
@propertyWrapper public struct StateObject<Object: ObservableObject> {
    @dynamicMemberLookup public struct Wrapper {
        let object: Object
        public subscript<Value>(dynamicMember path: ReferenceWritableKeyPath<Object, Value>) -> Binding<Value> {
            Binding(value: object[keyPath: path])
        }
    }
    public let wrappedValue: Object
    public var projectedValue: Wrapper { Wrapper(object: wrappedValue) }
    public init(wrappedValue object: @autoclosure @escaping () -> Object) { wrappedValue = object() }
}

public protocol Scene {}
public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}
}
@resultBuilder public enum SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}
public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}
extension App {
    public static func main() { _ = Self().body }
}
