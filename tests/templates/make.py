#!/usr/bin/env python3
"""Makes the cases beside this file: templates of our own, with what Jinja2 (3.1, in the set-up of transformers) makes of them.

A developer's tool: run it after adding a case (needs Python 3 with jinja2); the tests only read what it wrote. Left out are cases whose
text is not deterministic (addresses of objects, random), and those where candor refuses or differs on purpose (OURS).

  expressions.json, statements.json   {"vars": …, "now": …, "cases": [[template, text or null]]}; null: rendering is an error
  models.json                         {"contexts": …, "cases": [[file, context, text or null]]}; the files are *.jinja beside it
"""
import copy, datetime, glob, json, os
import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2024, 7, 4, 15, 9, 7)
HERE = os.path.dirname(os.path.abspath(__file__))


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = NOW.strftime


def render(template, variables):
    try:
        return env.from_string(template).render(**copy.deepcopy(variables))
    except Exception:
        return None


# Where candor says no, or says something else, on purpose: numbers beyond 64 bits, what is not deterministic, HTML and debugging filters.
OURS = ("big*big", "1e300|int", "map('int')", "random", "pprint", "urlize", "striptags", "lipsum", "default=5", "start=''", " is filter", " is test",
        "s.upper is lower", "s.upper is upper")

V = {"a":[3,1,2],"e":[],"d":{"x":1,"y":"two","items":[1],"n":None},"s":"Hello World","u":"Grüße ÇA ß ǆ","n":7,"f":2.5,"neg":-7,"t":True,"no":None,
 "msgs":[{"role":"system","content":"S"},{"role":"user","content":"hi","n":2},{"role":"assistant","content":None,"tool_calls":[{"f":{"name":"g"}}]},{"role":"User","content":"yo","n":1}],
 "tree":[{"v":1,"kids":[{"v":2,"kids":[]},{"v":3,"kids":[{"v":4}]}]},{"v":5}],
 "html":"<a href='x'>\"&</a>","lines":"one\ntwo\n\nthree\r\nfour","big":2**53,"fl":[0.1,1e16,1e-5,1e22,123456789.123,1.0,-0.0,5e-324,1.7976931348623157e308,0.1+0.2,100.0,1e15,123e-7]}

E = []  # expressions
E+="1 1.0 -1 1_000 0x1F 0o17 0b101 1e3 1.5e-7 'a' \"b\" 'a' 'b' true True false none None [] {} () (1,) (1,2) [1,2] {'a':1} {'a':{'b':[1,'x']}} 'it\\'s' \"q\\\"\" 'a\\nb' '\\x41\\u00e9' '\\q' '\\101' 00".split(" ")
E+=["'a' 'b'","'it\\'s' ~ \"\\\"\"","['it\\'s','a\"b','both\\'\"','\\n\\t\\x00\\u200b\\\\']","1,2","1,","[1,]","{'a':1,}","(1)","()"]
E+=["1+2*3","(1+2)*3","7//2","-7//2","7//-2","7%3","-7%3","7%-3","7.5//2","-7.5%2","7/2","6/2","2**10","2**-1","2**3**2","-2**2","(-2)**2","10**15","1.5*2","1+True","True+True","'a'+'b'","'a'*3","3*'a'","[1]+[2]","[1,2]*2","(1,)+(2,)","'a'~1~none~2.0~true","1~2","n-1","f+n","1/3","10/2.5","2**0.5","0.1+0.2","1e100","1e16","1e15+0.5","-0.0","5%0","1/0","1//0","1.0//0","'a'+1","[1]+(1,)","none+1","-'a'","+5","-n","--n","not n","not not n","1 if t","1 if no","'x' if no else 'y'","1 if t else 2 if no else 3","(1 if no) is defined","n if n>5 else f"]
E+=["1==1","1==1.0","1=='1'","'a'<'b'","'a'<1","[1,2]<[1,3]","(1,2)<(1,)","[1]<(1,)","1<2<3","3>2>2","1<=1>=1","1!=2","none==none","none<1","true==1","1 in [1,2]","'x' in d","'ell' in s","1 in s","'a' not in 'abc'","not 'a' in 'abc'","1 in none","1 in 5","2 in (1,2)","x in [1]","1 in x","undefined_a == undefined_b","x<1","1 and 2","0 and 2","0 or 'z'","none or false","1 or x.y","not (1 and 0)","n == 7 and f > 2","[] == []","{} == {}","{'a':1}=={'a':1.0}","[1,[2]]==[1,[2]]","(1,2)==[1,2]","range(3)==[0,1,2]","'' or 'd'","1 is 1"]
E+=["x","x.y","x['y']","d.x","d['x']","d.zzz","d.zzz.q","d['zzz']","d.items","d['items']","d.items()","d.keys()","d.values()","d.items()|list","d.keys()|list","d.get('x')","d.get('q')","d.get('q',5)","d.get('q',default=5)","d.x.y","a[0]","a[-1]","a[9]","a['0']","a[1:]","a[:-1]","a[::-1]","a[::2]","a[5:]","a[-2:]","a[2:0:-1]","a[::0]","a.0","msgs[0].role","msgs[0]['role']","s[0]","s[-1]","s[1:4]","s[::-1]","u[3]","u[-1]","u[2:5]","s[99]","none.x","none[0]","n.x","n[0]","a.x","a.append(1)","a.append","a.append is defined","d.update({'z':1})","d.pop('x')","a.pop()","a.sort()","d.copy()","a.copy()","a.index(1)","a.index(9)","a.count(1)","(1,2,1).count(1)","(1,2).index(2)","a.__class__","s.__class__","d.__len__()","s.foo","s.foo()","foo()","a()","n()","d()","a[1.0]","a[true]","d[x]","d[[1]]","{1:2}[1]","{1:2}[1.0]","{true:2}[1]","{(1,2):3}[(1,2)]","{(1,2):3}","{[1]:2}","a[1,2]","(1,2,3)[1:]","s[a[1]]","fl[1:3][0]"]
E+=["fl","fl[0]","fl[1]","fl[2]","fl[3]","fl[4]","fl[5]","fl[6]","fl[7]","fl[8]","fl[9]","big","big*big","big*1000","d","msgs","a","[none,true,1.0,'x',(1,),{}]","range(5)","range(1,5,2)","range(5)|list","range(5,0,-2)|list","range(0)|list","range(3)[1]","range(3)|length","range(100001)","range(1,2,0)","range('a')","dict(a=1,b=2)","dict({'a':1},b=2)","dict([('a',1)])","dict()","namespace(a=1)","namespace(a=1).a","namespace().b","namespace({'a':3}).a","cycler('a','b').next()","cycler()","joiner()","lipsum is defined","range","loop","strftime_now('%Y-%m-%d %H:%M:%S')","strftime_now('%d %b %Y')","strftime_now('%A %B %j %U %W %V %G %u %w %y %I %p %c %x %X %D %F %T %R %e %-d %-m %-H %% %h %C %a')","raise_exception('boom')","raise_exception()","x()","d.x()","x is defined","d.q is defined","d.x is defined","x.y is defined","d.q.r is defined"]
M=["strip()","strip('Hd')","lstrip('He')","rstrip('d')","strip(none)","split()","split('o')","split('o',1)","split(' ')","split('')","split('zz')","split(sep='o',maxsplit=1)","rsplit('o',1)","rsplit('o')","rsplit(none,1)","split(none,1)","splitlines()","upper()","lower()","title()","capitalize()","swapcase()","startswith('He')","startswith(('x','H'))","endswith('ld')","endswith(('ld',))","startswith('W',6)","startswith(1)","find('o')","find('o',5)","find('zz')","rfind('o')","index('o')","index('zz')","count('l')","count('')","count('l',0,4)","replace('o','0')","replace('o','0',1)","replace('','-')","replace('l','')","join(['a','b'])","join([1])","join('abc')","format()","isdigit()","isalpha()","isspace()","isupper()","islower()","isalnum()","istitle()","isidentifier()","isprintable()","isascii()","isdecimal()","isnumeric()","zfill(15)","zfill(3)","ljust(15)","ljust(15,'*')","rjust(15,'.')","center(16,'*')","center(15,'*')","center(14)","removeprefix('He')","removesuffix('ld')","removeprefix('x')","partition(' ')","rpartition('o')","partition('z')","rpartition('z')","expandtabs()","casefold()","strip(1)","split(1)","upper(1)","find()","nope()"]
for m in M:
    for v in ["s","u","''","'a,b,,c'","lines"]: E.append(f"{v}.{m}")
E+=["'{} {}'.format(1,'a')","'{0} {1} {0}'.format(1,2)","'{a}'.format(a=3)","'{a.x} {a[y]}'.format(a=d)","'{:5}|{:<5}|{:>5}|{:^5}|'.format('a','b','c','d')","'{:05d} {:+d} {:x} {:X} {:o} {:b} {:#x}'.format(42,42,255,255,8,5,255)","'{:.2f} {:8.3f} {:e} {:g} {:%}'.format(3.14159,2.5,12345.678,0.0001,0.25)","'{:,} {:_}'.format(1234567,1234567)","'{!r} {!s}'.format('a','b')","'{{}}'.format()","'{'.format(1)","'}'.format(1)","'{}'.format()","'{:>{w}}'.format('a',w=5)","'{:*^9}'.format('mid')","'{:.3}'.format('abcdef')","'{0[0]} {0[1]}'.format([1,2])","'{:d}'.format('a')","'{:s}'.format(1)","'{}'.format(none)","'{}'.format([1,'a'])","'{:5}'.format(none)","'{:,.2f}'.format(1234567.891)","'{:010.3f}'.format(-3.14159)","'{} {0}'.format(1)","'{:.0f}'.format(2.5)","'{:c}'.format(65)","'{:5}'.format(true)","'{:5d}|{:<5d}|'.format(1,2)","'%s %d'|format('a',3)","'%s'%'x'","'%s %s'%('a','b')","'%5s|%-5s|'%('a','b')","'%05d %+d %x %o %X'%(42,42,255,8,255)","'%.2f %e %g'%(3.14159,12345.678,0.0001)","'%(a)s'|format(a=1)","'%%'%()","'%d'%'a'","'%s'%(1,2)","'%s %s'%'a'","'%r'%'a'","'%c'%65","'%s'%[1,2]","'%s'%none","'%i'%3.7","'%q'%1","'%'%1","'%5.1f|'%2.25","'%s'|format(x)","'%-10s|'|format('ab')"]
F=["abs","batch(2)|list","batch(2,'x')|list","capitalize","center(20)","count","d('z')","default('z')","default('z',true)","dictsort","dictsort(by='value')","dictsort(reverse=true)","dictsort(true)","e","escape","filesizeformat","first","float","float(9)","forceescape","groupby('role')|list","int","int(5)","int(0,16)","items|list","join","join(', ')","join(',',attribute='role')","last","length","list","lower","map('upper')|list","map('string')|join","map(attribute='role')|list","map(attribute='n',default=0)|list","max","min","reject('equalto',1)|list","rejectattr('n')|list","replace('o','0')","reverse","reverse|list","round","round(1)","round(1,'floor')","round(method='ceil')","safe","select|list","select('odd')|list","select('string')|list","selectattr('n')|list","selectattr('role','equalto','user')|list","selectattr('role','in',['user','system'])|map(attribute='content')|list","slice(2)|list","slice(2,'f')|list","wordwrap(5)","wordwrap(9,false,'|',false)","sort","sort(reverse=true)","sort(attribute='role')","sort(attribute='role,content')","sort(case_sensitive=true)","string","sum","sum(start=10)","sum(attribute='n')","title","tojson","tojson(indent=2)","tojson(indent=4)","tojson(separators=(',',':'))","tojson(sort_keys=true)","tojson(ensure_ascii=true)","tojson(indent='\\t')","trim","trim('H')","truncate(5)","truncate(5,true)","truncate(8,false,'!')","truncate(5,true,'',0)","unique|list","unique|join(',')","upper","urlencode","wordcount","xmlattr","indent","indent(2,true)","indent('> ',true,true)","indent(width=1)","nosuch","tojson|tojson","string|length","attr('x')","attr('items')","attr('upper')","attr('role')","map(attribute='0')|list","map('int')|list","random","map|list","map('nosuch')|list","select('nosuch')|list","join(1)","length(1)","default(1,2,3)","replace('a')","first|upper","list|length","map('length')|list"]
for f in F:
    for v in ["a","d","u","n","2.675","x","html","lines","msgs","'0x1A'","('b','A','c')","fl","{'b':1,'a':{'z':none,'y':[1.5,'ü\\x01']}}"]: E.append(f"{v}|{f}")
T=["defined","undefined","none","boolean","true","false","integer","float","number","string","mapping","sequence","iterable","callable","escaped","odd","even","divisibleby 3","divisibleby(7)","eq 7","==7","equalto 7","ne 7","lt 8","gt 8","ge 7","le 7","lessthan 8","greaterthan 8","in [7,1]","in(['abc'])","sameas none","sameas true","lower","upper","filter","test","not defined","not none","nosuch","eq('abc')","in 'abcd'"]
for t_ in T:
    for v in ["a","d","n","f","no","t","x","'abc'","'UPPER'","range(2)","s.upper","html|e","a[0]"]: E.append(f"{v} is {t_}")
E+=["1 is odd and 2 is even","1 is odd or x.y","x is defined and x.y","x is not defined or x","n is divisibleby 7 if t","not n is odd","n is not odd","n is odd is even","a|length > 2","a|length - 1","-n|abs","(-n)|abs","n|string ~ 'x'","a|first + 1","a|join(',') ~ s|upper","'%s'|format(n)|upper","[a|first]|first","d.items|length","s|upper|lower|title","(s~s)|length","a|sort|first","a is iterable and a is not string","1 if a is iterable","s is string and s|length>3","n in a|list","(1,2)|list","'a' if a else 'b'","msgs|selectattr('role','equalto','user')|first","(msgs|selectattr('role','equalto','user')|first).content","(msgs|selectattr('role','equalto','zzz')|first).content","(msgs|selectattr('role','equalto','zzz')|list)[0]","msgs|map(attribute='tool_calls.0.f.name')|list","msgs|map(attribute='content')|map('default','-',true)|join","msgs[1:]|map(attribute='role')|join(',')","msgs|length","msgs[-1]['role']|lower","msgs|rejectattr('role','eq','user')|map(attribute='role')|list","msgs|groupby('role')|map(attribute='grouper')|list","msgs|groupby('role')|map(attribute='list')|map('length')|list","msgs|groupby('role',case_sensitive=true)|map('first')|list","('<'|e)+'<'","('<'|e)~'<'","'<'|e|e","'<'|safe|e","['<'|e]","'a'|e is escaped","[1,2]|last","'abc'|last","{'a':1}|first","a|sort(reverse=true)|map('string')|join('-')","[3,1]|sort + [5]","['b','a','B']|sort","['b','a','B']|sort(case_sensitive=true)","['b','a','B','A']|unique|list","[1,1.0,true,2]|unique|list","[{'a':2},{'a':1}]|sort(attribute='a')","[{'a':2},{'a':1}]|min(attribute='a')","[{'a':2},{'b':1}]|sum(attribute='a')","['a','b']|sum(start='')","[[1],[2]]|sum(start=[])","1234.5678|round(2)","2.5|round","3.5|round","-2.5|round","0.5|round|int","1e300|int","'1e3'|int","'12abc'|int","'12abc'|int(-1)","'1_000'|int"," ' 5 '|int","'0b11'|int(0,2)","'zz'|int(0,36)","none|int","[]|int(3)","'nan'|float","'inf'|float","'1e5'|float","' 2.5 '|float","true|int","1234|filesizeformat","1|filesizeformat","123456789|filesizeformat(true)","1500000|filesizeformat","12.7|filesizeformat","'a well-known, long-hyphenated word--here and state-of-the-art'|wordwrap(8)","'one  verylongword'|wordwrap(4,false)","'x'|wordwrap(0)","range(9)[2:8:2]","range(9)[::-1]","no[1:]","d[1:]","{(1,2):3}[[1]]","[][1,[2]]"]
S=[] # statements
S+=["{% if n %}y{% else %}n{% endif %}","{% if x %}y{% elif no %}e{% elif t %}t{% else %}n{% endif %}","{% for i in a %}{{ i }},{% endfor %}","{% for i in e %}{{ i }}{% else %}none{% endfor %}","{% for k,v in d.items() %}{{k}}={{v}};{% endfor %}","{% for k in d %}{{k}}{% endfor %}","{% for c in s %}{{c}}.{% endfor %}","{% for i in x %}{{i}}{% else %}u{% endfor %}","{% for i in n %}{% endfor %}","{% for i in no %}{% endfor %}","{% for i in a if i>1 %}{{loop.index}}:{{i}} {% endfor %}","{% for i in a if i>9 %}{{i}}{% else %}z{% endfor %}","{% for i in a %}{{loop.index}}{{loop.index0}}{{loop.revindex}}{{loop.revindex0}}{{loop.first}}{{loop.last}}{{loop.length}}{{loop.previtem}}{{loop.nextitem}}{{loop.depth}}{{loop.depth0}}|{% endfor %}","{% for i in a %}{{loop.cycle('x','y')}}{% endfor %}","{% for i in [1,1,2] %}{{loop.changed(i)}}{% endfor %}","{% for i in a %}{% if loop.index==2 %}{% break %}{% endif %}{{i}}{% endfor %}","{% for i in a %}{% if loop.index==2 %}{% continue %}{% endif %}{{i}}{% endfor %}","{% for i in a %}{% for j in a %}{% if j==1 %}{% break %}{% endif %}{{i}}{{j}} {% endfor %}{{loop.index}}{% endfor %}","{% for n_ in tree recursive %}{{n_.v}}@{{loop.depth}}{% if n_.kids %}[{{loop(n_.kids)}}]{% endif %}{% endfor %}","{% for i in a %}{{loop(a)}}{% endfor %}","{% for a,b in [(1,2),(3,4)] %}{{a}}{{b}} {% endfor %}","{% for a,b in [1] %}{% endfor %}","{% for a,b in [(1,2,3)] %}{% endfor %}","{% for (a,b) in [(1,2)] %}{{a+b}}{% endfor %}","{% for i in a|sort %}{{i}}{% endfor %}","{% for i in a|map('string') %}{{loop.length}}{{i}}{% endfor %}","{% for i in range(3) %}{{i}}{% endfor %}","{% for i in 1,2 %}{{i}}{% endfor %}","{% for x in a %}{% endfor %}{{x}}","{% set y=1 %}{% for i in a %}{% set y=i %}{% endfor %}{{y}}","{% set y=1 %}{% if t %}{% set y=2 %}{% endif %}{{y}}","{% for i in a %}{{q}}{% set q=i %}{{q}}{% endfor %}{{q}}","{% set ns=namespace(c=0) %}{% for i in a %}{% set ns.c=ns.c+i %}{% endfor %}{{ns.c}}","{% set ns=namespace() %}{% set ns.x='v' %}{{ns.x}}{{ns}}{{ns.q}}","{% set d.x=1 %}","{% set q.x=1 %}","{% set a,b=1,2 %}{{a}}{{b}}","{% set a,b=[1] %}","{% set x %}block {{n}}{% endset %}[{{x}}]","{% set x|upper %}abc{% endset %}{{x}}","{% set x|upper|replace('A','-') %}abc{% endset %}{{x}}","{% set ns=namespace() %}{% set ns.b %}t{% endset %}{{ns.b}}","{% set x=1,2 %}{{x}}","{% set x=(1) %}{{x}}","{% set a.b.c=1 %}","{% set 1=2 %}","{% set x %}","{% set loop=1 %}{{loop}}"]
S+=["{% macro m(a,b=2) %}{{a}}-{{b}};{% endmacro %}{{m(1)}}{{m(1,3)}}{{m(b=5,a=4)}}{{m()}}","{% macro m(a) %}{{a}}{% endmacro %}{{m(1,2)}}","{% macro m(a) %}{{a}}{% endmacro %}{{m(z=2)}}","{% macro m(a) %}{{a}}{{varargs}}{{kwargs}}{% endmacro %}{{m(1,2,3,z=4)}}","{% macro m() %}{{caller()}}{% endmacro %}{% call m() %}in{% endcall %}","{% macro m(x) %}{{caller(x,2)}}{% endmacro %}{% call(p,q=9) m(7) %}{{p}}{{q}}{{n}}{% endcall %}","{% macro m() %}x{% endmacro %}{% call m() %}in{% endcall %}","{% macro m() %}{{caller is defined}}{% endmacro %}{{m()}}","{% macro m() %}{{caller()}}{% endmacro %}{{m()}}","{% macro f(k) %}{{k}}{% if k>0 %}{{f(k-1)}}{% endif %}{% endmacro %}{{f(5)}}","{% macro f(k) %}{{f(k)}}{% endmacro %}{{f(5)}}","{% macro m() %}{{z}}{% endmacro %}{% set z=1 %}{{m()}}","{% macro m() %}{% set n=99 %}{{n}}{% endmacro %}{{m()}}{{n}}","{% macro m(a,b=a) %}{{a}}{{b}}{% endmacro %}{{m(1)}}","{% macro m(a=1,b) %}{% endmacro %}","{% macro m() %}  x {%- endmacro %}[{{ m() }}]","{{m()}}{% macro m() %}1{% endmacro %}","{% if t %}{% macro m() %}1{% endmacro %}{% endif %}{{m()}}","{% for i in a %}{% macro m() %}{{i}}{% endmacro %}{{m()}}{% endfor %}","{% macro m() %}a{% endmacro %}{{m}}{{m.name}}","{% macro m(x) %}{{x}}{% endmacro %}{{m(*[1])}}{{m(**{'x':2})}}","{% macro m() %}1{% endmacro %}{{ m()|int + 1 }}","{% macro m(x) %}{{x is defined}}{{x}}{% endmacro %}{{m()}}","{% macro m(x) %}{{x.y}}{% endmacro %}{{m()}}","{% macro outer() %}{% macro inner() %}i{% endmacro %}{{inner()}}{% endmacro %}{{outer()}}","{% filter upper %}abc{{s}}{% endfilter %}","{% filter replace('a','b')|upper %}aaa{% endfilter %}","{% filter indent(2) %}a\nb{% endfilter %}","{% with q=1,w=2 %}{{q}}{{w}}{% endwith %}{{q}}","{% with %}{% set zz=1 %}{{zz}}{% endwith %}{{zz}}","{% with n=1, m=n %}{{n}}{{m}}{% endwith %}","{% raw %}{{ x }}{% if %}{% endraw %}","{%- raw -%} {{x}} {%- endraw -%} z","{% raw %}a\n  {% endraw %}b","{# c #}a{# {{x}} #}b","a {#- c -#} b","a\n{# c #}\nb","{% generation %}x{{n}}{% set gg=1 %}{% endgeneration %}{{gg}}","{% for m in msgs %}{% if m.role=='assistant' %}{% generation %}{{m.content}}{{loop.index}}{% endgeneration %}{% endif %}{% endfor %}","{% print n %}","{% print n, s %}","{% set x = cycler('a','b') %}{{x.next()}}{{x.next()}}{{x.next()}}{{x.current}}","{% set j=joiner('|') %}{{j()}}a{{j()}}b{{j()}}","{% set c=a|map('string') %}{{c|list}}{{c|list}}","{% set c=a|select %}{{c|first}}{{c|list}}","{{ a|map('string') }}x"]
S+=["{% include 'x' %}","{% import 'x' as y %}","{% extends 'x' %}","{% do a %}","{% nosuch %}","{% endif %}","{% if %}{% endif %}","{% if n %}","{% for i in a %}","{% for %}","{{ }}","{{ n","{% if n","{# x","{{ 'abc }}","{{ n }","{{ (n }}","{{ n) }}","{{ [n }}","{{ n ! }}","{{ a..b }}","{{ 1 + }}","{{ a[ }}","{% set %}","{{ n n }}","{% if n %}{% endfor %}","{% else %}","{% raw %}x","{% macro %}{% endmacro %}","{% macro m( %}{% endmacro %}","{% break %}","{% continue %}","{{ {'a' 1} }}","{{ @ }}","{{ n | }}","{{ n is }}","{{ not }}","{{ m(a=1, 2) }}","{{ f(*a, 1) }}","{% endmacro %}","{% macro m() %}{% endmacro m %}","{% for i in a %}{% endfor x %}","{{ 1if t else 2 }}","{{ a.if }}","{{ {'a':{'b':{}}} }}","{{ {}}}","{{n}}}","{{{'a':1}.a}}","{%if n%}x{%endif%}","{%-if n-%} x {%-endif-%}","{{-n-}}","{{ '}}' }}","{{ '%}' }}","{% if '%}' %}x{% endif %}","}}","%}","{","{ {","#}","a{","{{'{{'}}"]
W=["a\n","a\n\n","a\r\nb\r\n","\n","","  {% if n %}\n  x\n  {% endif %}\n","  {% if n %}  \n  x\n  {% endif %}  \n","a  {% if n %}b{% endif %}  c","{% if n -%}\n   x\n{%- endif %}\n","{% if n +%}\n   x\n{%+ endif %}\n","\n\n  {%- if n %}x{% endif -%}  \n\n y","  {{ n }}  \n  {{- n -}}  \n z","  {# c #}\n  x","  {#- c #}\n  x","a {#- c -#}\n b","x\n  {% set y=1 %}\n  {{ y }}\n","\t{% if n %}\n\ty\n\t{% endif %}","{% if n %}\r\nx\r\n{% endif %}\r\n","  {%+ if n %}x{% endif %}","\n  {%+ if n %}x{% endif %}\n","a\n  {% for i in a %}\n  {{ i }}\n  {% endfor %}\nb","{{ n }}\n{{ n }}\n","{{ n -}}\n\n  x","x  {{- n }}","{% raw %}\n  a\n{% endraw %}\nb","{% raw -%}\n  a\n{%- endraw %}\nb","  {% raw %}x{% endraw %}\n","{% if n %}{# c #}\n{% endif %}\nx","\u00a0{%- if n -%}\u2003x{%- endif %}","{%- set x = 1 -%}\n\n{{ x }}\n\n{%- set y = 2 %}\n\n{{ y }}","{{ 'a\nb' }}","{{ 'a\r\nb' }}","{# a\n#}\n{# b #} \nc","{% if n %}a{% endif %}\n{% if n %}b{% endif %}\n","a\n   {% if n %}b{% endif %}\n","a  {# c #}\n  {# d #}  {% if n %}z{% endif %}","{% for i in a -%}\n {{ i }}\n{%- endfor %}","\f{% if n %}x{% endif %}"]
W+=["{% if n %}\n\n\nx{% endif %}","   {{ n }}\n   {%- if n %}\n x\n   {%- endif %}", "x{% if n %}   \n{% endif %}y","{%- for m in msgs %}\n  {{- m.role }}\n{%- endfor %}\n"]

TOOLS=[{"type":"function","function":{"name":"get_weather","description":"Weather in a city.\nNow.","parameters":{"type":"object","properties":{"city":{"type":"string","description":"City, e.g. \"São Paulo\""},"days":{"type":"integer"},"opts":{"type":"object","additionalProperties":{"type":"number"}},"u":{"type":["string","null"]}},"required":["city"]},"return":{"type":"string"}}},{"type":"function","function":{"name":"add","description":"Adds <two> numbers & more of them, at great length, over and over","parameters":{"type":"object","properties":{}}}}]
CTX={
 "user":{"messages":[{"role":"user","content":"Hello?"}],"add_generation_prompt":True},
 "system":{"messages":[{"role":"system","content":"Be terse.\nAlways."},{"role":"user","content":" What is 17 < 23? "}],"add_generation_prompt":True,"enable_thinking":False},
 "multi":{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"<think>\nhm\n</think>\n\nHello!"},{"role":"user","content":"Bye 👋"}],"add_generation_prompt":False},
 "parts":{"messages":[{"role":"system","content":[{"type":"text","text":"S"}]},{"role":"user","content":[{"type":"text","text":" look "},{"type":"image"}]}],"add_generation_prompt":True},
 "tools":{"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":None,"tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"get_weather","arguments":{"city":"Paris","q":"x"}}}]},{"role":"tool","tool_call_id":"abcdefghi","content":"22 C"},{"role":"assistant","content":"22.","reasoning_content":"easy"}],"tools":TOOLS,"add_generation_prompt":True},
 "toolsuser":{"messages":[{"role":"system","content":"S"},{"role":"user","content":"W?"}],"tools":TOOLS,"builtin_tools":["search","code"],"tools_in_user_message":False,"add_generation_prompt":True},
 "docs":{"messages":[{"role":"user","content":"Q"}],"documents":[{"title":"A","text":"a"},{"title":"B","text":"b\u2028"}],"add_generation_prompt":True},
 "bad":{"messages":[{"role":"assistant","content":"A"},{"role":"alien","content":"x"}],"add_generation_prompt":True},
 "empty":{"messages":[],"add_generation_prompt":True},
}


def keep(template, text):
    return not any(o in template for o in OURS) and " at 0x" not in (text or "")


def write(name, data):
    cases = data.pop("cases")
    with open(os.path.join(HERE, name), "w", newline="\n") as f:
        f.write("{\n")
        for k, v in data.items():
            f.write(json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False) + ",\n")
        f.write('"cases": [\n' + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n}\n")


def snippets(name, templates):
    cases = [[t, render(t, V)] for t in dict.fromkeys(templates)]
    write(name, {"made_by": "make.py", "now": NOW.isoformat(), "vars": V, "cases": [c for c in cases if keep(*c)]})


def models():
    cases = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.jinja"))):
        source = open(path, newline="").read()
        for name, context in CTX.items():
            variables = {"bos_token": "<s>", "eos_token": "</s>", "tools": None, "documents": None, **context}
            cases.append([os.path.basename(path), name, render(source, variables)])
    write("models.json", {"made_by": "make.py", "now": NOW.isoformat(), "contexts": CTX, "cases": cases})


snippets("expressions.json", ["{{ %s }}" % e for e in E])
snippets("statements.json", S + W)
models()
